# The umbrella compiles for Windows: a syntax check with Debian's mingw-w64 compiler, posix threads.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
find_program(MINGW x86_64-w64-mingw32-g++-posix)
if(NOT MINGW)
  message("SKIPPED: no x86_64-w64-mingw32-g++-posix (Debian, Ubuntu: g++-mingw-w64-x86-64-posix)")
  return()
endif()

# This machine's /usr/include must stay out of a compile for Windows: only the header-only libraries are shown, by links.
set(shown "${SCRATCH}/include")
file(REMOVE_RECURSE "${shown}")
file(MAKE_DIRECTORY "${shown}")
foreach(name IN ITEMS Eigen xtensor xtl xsimd boost Random123)
  foreach(dir IN LISTS INCLUDES ITEMS /usr/include /usr/include/eigen3)
    if(EXISTS "${dir}/${name}" AND NOT EXISTS "${shown}/${name}")
      file(CREATE_LINK "${dir}/${name}" "${shown}/${name}" SYMBOLIC)
    endif()
  endforeach()
endforeach()

set(COMPILER "${MINGW}")
set(include_flags "-I${SOURCE}/include" -isystem "${shown}")
compile(output "#include <healthai/healthai.hpp>" -fsyntax-only)
# <windows.h> defines min and max as macros.
compile(output "#define NOGDI\n#include <windows.h>\n#include <healthai/healthai.hpp>" -fsyntax-only)
