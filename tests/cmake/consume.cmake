# Configures, builds and runs the project CONSUMER beside this file.
cmake_minimum_required(VERSION 3.25)

set(work "${BUILD}/tests/cmake/${CONSUMER}")
set(prefix "${work}/prefix")
file(REMOVE_RECURSE "${work}")

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(configure
    "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/${CONSUMER}" -B "${work}/build" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_PREFIX_PATH=${prefix}" "-DHEALTHAI_SOURCE=${SOURCE}"
    -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF)

if(NOT CONSUMER STREQUAL "add_subdirectory")
  run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${prefix}")
endif()

if(CONSUMER STREQUAL "unknown_component")
  execute_process(COMMAND ${configure} OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status)
  string(REGEX REPLACE "[ \n]+" " " output "${output}") # CMake breaks lines where it likes
  if(status EQUAL 0 OR NOT output MATCHES "no component \"radiology\"" OR NOT output MATCHES "installation are: core")
    message(FATAL_ERROR "expected a failure that names the components there are, got:\n${output}")
  endif()
  return()
endif()

run(${configure})
run("${CMAKE_COMMAND}" --build "${work}/build")
run("${work}/build/hospital")
