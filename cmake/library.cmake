# The library's targets: healthai::healthai, and one target a component. No warning flags and no -march here: what is on
# an INTERFACE target is forced upon everyone who links it.

find_package(Threads REQUIRED)
find_package(Eigen3 3.4 REQUIRED CONFIG)
find_package(xtensor REQUIRED CONFIG)
find_package(Boost 1.74 REQUIRED CONFIG)
find_package(Random123 REQUIRED MODULE)

file(GLOB_RECURSE healthai_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/healthai/*.hpp")

# healthai_add_target(NAME [ROOMS room...] [HEADERS ROOM/x.hpp...] [LINKS target...]): an INTERFACE target healthai::NAME.
# Its headers, and those of its rooms, are checked and installed with it; the target without either takes what no other
# has taken.
function(healthai_add_target name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "ROOMS;HEADERS;LINKS")
  if(name STREQUAL "healthai")
    set(target healthai)
  else()
    set(target healthai_${name})
  endif()
  add_library(${target} INTERFACE)
  add_library(healthai::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} VERIFY_INTERFACE_HEADER_SETS ON)
  target_link_libraries(${target} INTERFACE ${arg_LINKS})

  set(mine ${healthai_headers})
  if(arg_ROOMS OR arg_HEADERS)
    list(TRANSFORM arg_ROOMS APPEND "/.*")
    string(REPLACE "." "\\." arg_HEADERS "${arg_HEADERS}")
    list(JOIN arg_ROOMS "|" pattern)
    list(JOIN arg_HEADERS "|" headers)
    list(FILTER mine INCLUDE REGEX "/include/healthai/(${pattern}|${headers})$")
  endif()
  set(rest ${healthai_headers})
  list(REMOVE_ITEM rest ${mine})
  set(healthai_headers ${rest} PARENT_SCOPE)
  target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES ${mine})
endfunction()

# Reporting: JSON-lines logs and run manifests. Absent where nlohmann_json is.
find_package(nlohmann_json 3.10 QUIET CONFIG)
if(nlohmann_json_FOUND)
  healthai_add_target(reporting ROOMS reporting LINKS healthai nlohmann_json::nlohmann_json)
else()
  list(FILTER healthai_headers EXCLUDE REGEX "/include/healthai/reporting/")
  message(STATUS "healthai: no nlohmann_json, so no healthai::reporting (Debian: nlohmann-json3-dev)")
endif()

# Compressed data: gzip with zlib, .npz with libzip. Each absent where its library is.
find_package(ZLIB QUIET)
if(ZLIB_FOUND)
  healthai_add_target(gzip HEADERS data/gzip.hpp LINKS healthai ZLIB::ZLIB)
else()
  list(FILTER healthai_headers EXCLUDE REGEX "/include/healthai/data/gzip\\.hpp$")
  message(STATUS "healthai: no zlib, so no healthai::gzip (Debian: zlib1g-dev)")
endif()
find_package(Zip QUIET MODULE)
if(Zip_FOUND)
  healthai_add_target(npz HEADERS data/npz.hpp LINKS healthai Zip::Zip)
else()
  list(FILTER healthai_headers EXCLUDE REGEX "/include/healthai/data/npz\\.hpp$")
  message(STATUS "healthai: no libzip, so no healthai::npz (Debian: libzip-dev)")
endif()

# Cryptography, and what of secure aggregation needs it. Absent where OpenSSL is.
file(GLOB_RECURSE healthai_secagg_with_openssl RELATIVE "${PROJECT_SOURCE_DIR}/include/healthai/secagg" CONFIGURE_DEPENDS
     "${PROJECT_SOURCE_DIR}/include/healthai/secagg/*.hpp")
list(TRANSFORM healthai_secagg_with_openssl REPLACE "\\.hpp$" "")
# These files of the room need none, and are in healthai::healthai.
list(REMOVE_ITEM healthai_secagg_with_openssl fixed_point graph mersenne61 noise parameters patient_gradients prime_field ranges
     ring_vector secret_memory secret_sharing segment segments detail/hypergeometric detail/noised_words
     detail/quantised_words detail/ring_words detail/try_in_parallel)
list(TRANSFORM healthai_secagg_with_openssl REPLACE "(.+)" "secagg/\\1.hpp" OUTPUT_VARIABLE secagg_headers)
find_package(OpenSSL 3.0 QUIET)
if(OpenSSL_FOUND)
  healthai_add_target(secagg ROOMS crypto HEADERS ${secagg_headers} LINKS healthai OpenSSL::Crypto)
else()
  list(TRANSFORM secagg_headers PREPEND "${PROJECT_SOURCE_DIR}/include/healthai/")
  list(REMOVE_ITEM healthai_headers ${secagg_headers})
  list(FILTER healthai_headers EXCLUDE REGEX "/include/healthai/crypto/")
  message(STATUS "healthai: no OpenSSL 3, so no healthai::secagg (Debian: libssl-dev)")
endif()

# The network: sockets and TLS, and the node that a hospital runs. Absent where OpenSSL or nlohmann_json (policy files,
# audit log) is.
if(OpenSSL_FOUND AND nlohmann_json_FOUND)
  healthai_add_target(socket ROOMS transport/socket client/node HEADERS privacy/ledger.hpp LINKS healthai healthai_secagg OpenSSL::SSL
                      nlohmann_json::nlohmann_json)
else()
  list(FILTER healthai_headers EXCLUDE REGEX "/include/healthai/(transport/socket/|client/node/|privacy/ledger\\.hpp$)")
  message(STATUS "healthai: no OpenSSL 3 or no nlohmann_json, so no healthai::socket (Debian: libssl-dev, nlohmann-json3-dev)")
endif()

# Many machines: MPI. Absent where there is none.
set(MPI_CXX_SKIP_MPICXX ON) # the C++ bindings that MPI itself gave up
find_package(MPI 3.1 QUIET COMPONENTS CXX)
if(MPI_CXX_FOUND)
  healthai_add_target(mpi ROOMS transport/mpi LINKS healthai MPI::MPI_CXX)
else()
  list(FILTER healthai_headers EXCLUDE REGEX "/include/healthai/transport/mpi/")
  message(STATUS "healthai: no MPI, so no healthai::mpi (Debian: libopenmpi-dev, or libmpich-dev)")
endif()

healthai_add_target(healthai LINKS Eigen3::Eigen xtensor Boost::headers Random123::Random123 Threads::Threads)
target_compile_features(healthai INTERFACE cxx_std_20)
