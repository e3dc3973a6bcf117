# For the scripts of this folder. Given: COMPILER, INCLUDES (separated by |), SOURCE (the repository), SCRATCH.
cmake_minimum_required(VERSION 3.25)

string(REPLACE "|" ";" INCLUDES "${INCLUDES}")
set(include_flags "-I${SOURCE}/include")
foreach(dir IN LISTS INCLUDES)
  # /usr/include as -isystem would break the order of the standard library's own headers.
  if(NOT dir STREQUAL "${SOURCE}/include" AND NOT dir STREQUAL "/usr/include")
    list(APPEND include_flags -isystem "${dir}")
  endif()
endforeach()
file(MAKE_DIRECTORY "${SCRATCH}")

# compile(OUT TEXT ARGUMENT...): the compiler over a file that holds TEXT; what it writes to stdout goes to OUT.
function(compile out text)
  file(WRITE "${SCRATCH}/input.cpp" "${text}\n")
  execute_process(COMMAND "${COMPILER}" -std=c++20 ${include_flags} ${ARGN} "${SCRATCH}/input.cpp"
                  OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    string(SUBSTRING "${errors}" 0 4000 errors)
    message(FATAL_ERROR "${COMPILER} ${ARGN} fails on ${text}:\n${errors}")
  endif()
  set(${out} "${output}" PARENT_SCOPE)
endfunction()

# headers_of(OUT TEXT): every file that TEXT includes, directly or not.
function(headers_of out text)
  compile(rule "${text}" -M)
  string(REGEX REPLACE "\\\\\n" " " rule "${rule}")
  string(REGEX REPLACE "^[^:]*:" "" rule "${rule}")
  string(REGEX REPLACE "[ \n]+" ";" files "${rule}")
  list(FILTER files EXCLUDE REGEX "^$|input\\.cpp$")
  set(${out} "${files}" PARENT_SCOPE)
endfunction()
