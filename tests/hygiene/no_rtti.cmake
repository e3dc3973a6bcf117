# The library needs exceptions and not RTTI.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")
compile(output "#include <healthai/healthai.hpp>" -fno-rtti -fsyntax-only)
