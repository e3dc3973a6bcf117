# What only developers of healthai itself see: warnings, ccache, a helper for programs.

add_library(healthai_warnings INTERFACE)
if(NOT MSVC)
  target_compile_options(
    healthai_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow $<$<BOOL:${HEALTHAI_WERROR}>:-Werror>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 sees overlapping copies in std::string's operator+ where there are none (GCC bug 105651).
    target_compile_options(healthai_warnings INTERFACE -Wno-restrict)
  endif()
endif()

if(HEALTHAI_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(HEALTHAI_CCACHE_PROGRAM ccache)
  if(HEALTHAI_CCACHE_PROGRAM)
    # ccache fails for a user without a home to write to: then do without.
    file(WRITE "${PROJECT_BINARY_DIR}/ccache_works.cpp" "")
    execute_process(COMMAND ${HEALTHAI_CCACHE_PROGRAM} ${CMAKE_CXX_COMPILER} -c ccache_works.cpp -o ccache_works.o
                    WORKING_DIRECTORY "${PROJECT_BINARY_DIR}" RESULT_VARIABLE ccache_status OUTPUT_QUIET ERROR_QUIET)
    if(ccache_status EQUAL 0)
      # The sloppiness is what ccache asks for where precompiled headers are used. With paths relative to the checkout, a
      # second one, elsewhere, finds what the first has compiled.
      set(CMAKE_CXX_COMPILER_LAUNCHER
          ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}"
          CCACHE_NOHASHDIR=1 ${HEALTHAI_CCACHE_PROGRAM})
    endif()
  endif()
endif()

set(CMAKE_CXX_EXTENSIONS OFF)

# Compiles many files as one: what UNITY_BUILD does, but without the folder of this checkout in the files that it makes.
# healthai_batches(RESULT TARGET SIZE SOURCE...): the sources are relative to a folder that the target includes from.
function(healthai_batches result target size)
  list(LENGTH ARGN count)
  math(EXPR last "${count} - 1")
  set(batches "")
  foreach(begin RANGE 0 ${last} ${size})
    list(SUBLIST ARGN ${begin} ${size} batch)
    list(TRANSFORM batch REPLACE "(.+)" "#include \"\\1\"\n")
    list(JOIN batch "" text)
    set(file "${CMAKE_CURRENT_BINARY_DIR}/batches/${target}_${begin}.cpp")
    file(CONFIGURE OUTPUT "${file}" CONTENT "${text}" @ONLY)
    list(APPEND batches "${file}")
  endforeach()
  set(${result} ${batches} PARENT_SCOPE)
endfunction()
