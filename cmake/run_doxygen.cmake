# Runs Doxygen in DIR. A warning is an error: a wrong @param name, a reference to nothing, a class, concept or function
# without documentation. The exceptions are members whose name and type say everything, such as size(), macros, and the types
# that every task or statistic has, of which the concepts Task and Statistic say what they are.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${DIR}/html")
execute_process(COMMAND "${DOXYGEN}" Doxyfile WORKING_DIRECTORY "${DIR}" OUTPUT_QUIET RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "Doxygen stopped with ${status}")
endif()
file(STRINGS "${DIR}/warnings.txt" warnings)
list(FILTER warnings EXCLUDE REGEX "warning: Member .* of (class|struct|union|concept) .* is not documented")
list(FILTER warnings EXCLUDE REGEX "warning: Compound .*::(Plan|Broadcast|Prepared|Reply) is not documented")
list(FILTER warnings EXCLUDE REGEX "\\(macro definition\\) of file .* is not documented")
if(warnings)
  list(JOIN warnings "\n" warnings)
  message(FATAL_ERROR "Doxygen warns:\n${warnings}")
endif()
