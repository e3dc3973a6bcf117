# A machine without MPI configures all the rest, and says that MPI was left out.
execute_process(
  COMMAND "${CMAKE_COMMAND}" -S "${SOURCE}" -B "${BUILD}/tests/cmake/without_mpi" -G "${GENERATOR}"
          "-DCMAKE_CXX_COMPILER=${COMPILER}" -DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON -DHEALTHAI_BENCH=OFF
  OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status)
if(NOT status EQUAL 0 OR NOT output MATCHES "healthai: no MPI, so no healthai::mpi")
  message(FATAL_ERROR "expected a configuration that says that MPI was left out, got:\n${output}")
endif()
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${BUILD}/tests/cmake/without_mpi" --target help
                OUTPUT_VARIABLE targets COMMAND_ERROR_IS_FATAL ANY)
if(targets MATCHES "(healthai|test|example|bench)_mpi")
  message(FATAL_ERROR "without MPI there should be no target of it:\n${targets}")
endif()
