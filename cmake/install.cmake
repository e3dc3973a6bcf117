# Install rules and the package that find_package(healthai) reads.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(healthai_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/healthai) # no binaries: independent of the processor

# One file of targets a component, so that a component's dependencies are asked for only by those who use it.
install(TARGETS healthai EXPORT healthai_core FILE_SET HEADERS)
install(EXPORT healthai_core NAMESPACE healthai:: FILE healthai-core.cmake DESTINATION ${healthai_package_dir})
set(healthai_components core)
foreach(component IN ITEMS reporting gzip npz secagg socket mpi)
  if(TARGET healthai_${component})
    install(TARGETS healthai_${component} EXPORT healthai_${component} FILE_SET HEADERS)
    install(EXPORT healthai_${component} NAMESPACE healthai:: FILE healthai-${component}.cmake
            DESTINATION ${healthai_package_dir})
    list(APPEND healthai_components ${component})
  endif()
endforeach()

configure_package_config_file(cmake/healthaiConfig.cmake.in "${PROJECT_BINARY_DIR}/healthaiConfig.cmake"
                              INSTALL_DESTINATION ${healthai_package_dir})
# While the version is 0.x, a new minor version may break what was written for an older one.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/healthaiConfigVersion.cmake" ARCH_INDEPENDENT
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/healthaiConfig.cmake" "${PROJECT_BINARY_DIR}/healthaiConfigVersion.cmake"
              cmake/FindRandom123.cmake cmake/FindZip.cmake
        DESTINATION ${healthai_package_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
