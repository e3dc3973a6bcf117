# The API documentation: the target "docs", and a ctest that fails on Doxygen's warnings.

find_program(DOXYGEN_EXECUTABLE doxygen)
if(NOT DOXYGEN_EXECUTABLE)
  return()
endif()
set(docs_dir "${PROJECT_BINARY_DIR}/docs")
configure_file(docs/Doxyfile.in "${docs_dir}/Doxyfile" @ONLY)
set(docs_command "${CMAKE_COMMAND}" -D "DOXYGEN=${DOXYGEN_EXECUTABLE}" -D "DIR=${docs_dir}" -P
                 "${PROJECT_SOURCE_DIR}/cmake/run_doxygen.cmake")
add_custom_target(docs COMMAND ${docs_command} COMMENT "API documentation: ${docs_dir}/html/index.html")
if(HEALTHAI_TESTS AND HEALTHAI_PROJECT_TESTS)
  add_test(NAME docs COMMAND ${docs_command})
  set_tests_properties(docs PROPERTIES TIMEOUT 300)
endif()
