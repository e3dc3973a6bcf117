# The umbrella reaches no header that an application would have to link something for, or that is slow to compile.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")

headers_of(files "#include <healthai/healthai.hpp>")
list(LENGTH files count)
if(count LESS 20)
  message(FATAL_ERROR "the umbrella seems to include ${count} files only: this test does not see what it should")
endif()

set(bad "")
foreach(file IN LISTS files)
  cmake_path(NORMAL_PATH file)
  if(file MATCHES "/(mpi\\.h|openssl/|healthai/crypto/|boost/asio/|boost/asio\\.hpp|boost/math/|nlohmann/|torch/|CLI/|Eigen/Dense|zlib\\.h|zip\\.h)")
    string(APPEND bad "\n  ${file}")
  endif()
  # Other libraries may include these for reasons of their own (Random123 includes iostream); ours may not.
  string(FIND "${file}" "${SOURCE}/include/healthai/" at)
  if(at EQUAL 0)
    file(STRINGS "${file}" lines REGEX "^ *# *include *[<\"](ranges|iostream|fstream|regex|future|experimental/)")
    foreach(line IN LISTS lines)
      string(APPEND bad "\n  ${file}: ${line}")
    endforeach()
  endif()
endforeach()
if(bad)
  message(FATAL_ERROR "healthai.hpp must not reach these headers. Include them from a header of their own, outside "
                      "the umbrella:${bad}")
endif()
message("${count} files, none of them forbidden")

# Nor does the data umbrella, for what is compressed.
headers_of(files "#include <healthai/data.hpp>")
list(FILTER files INCLUDE REGEX "/(zlib\\.h|zip\\.h)$")
if(files)
  message(FATAL_ERROR "data.hpp must not reach ${files}: data/gzip.hpp and data/npz.hpp are headers of their own")
endif()

# Cryptography needs OpenSSL, and nothing of what a node or a network needs.
if(EXISTS "${SOURCE}/include/healthai/crypto/signing_key.hpp")
  headers_of(files "#include <healthai/crypto/signing_key.hpp>\n#include <healthai/secagg/mask.hpp>")
  list(FILTER files INCLUDE REGEX "/(openssl/ssl\\.h|nlohmann/|boost/asio/|mpi\\.h|healthai/(client|transport)/)")
  if(files)
    message(FATAL_ERROR "crypto/ and secagg/mask.hpp must not reach ${files}")
  endif()
endif()

# Sockets and MPI are two things: who uses one need not have the other.
if(EXISTS "${SOURCE}/include/healthai/transport/socket/server.hpp")
  headers_of(files "#include <healthai/transport/socket/server.hpp>\n#include <healthai/transport/socket/client.hpp>")
  list(FILTER files INCLUDE REGEX "/(mpi\\.h|transport/mpi/)")
  if(files)
    message(FATAL_ERROR "the socket transport must not reach ${files}")
  endif()
endif()
