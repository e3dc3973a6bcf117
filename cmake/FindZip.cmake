# libzip: zip archives. Its own CMake package on Debian names programs that are in packages of their own, and fails where
# they are not installed. Defines Zip::Zip.
find_path(Zip_INCLUDE_DIR zip.h)
find_library(Zip_LIBRARY zip)
mark_as_advanced(Zip_INCLUDE_DIR Zip_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Zip REQUIRED_VARS Zip_LIBRARY Zip_INCLUDE_DIR
                                  REASON_FAILURE_MESSAGE "Debian, Ubuntu: apt-get install libzip-dev")

if(Zip_FOUND AND NOT TARGET Zip::Zip)
  add_library(Zip::Zip UNKNOWN IMPORTED)
  set_target_properties(Zip::Zip PROPERTIES IMPORTED_LOCATION "${Zip_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES
                                                                                "${Zip_INCLUDE_DIR}")
endif()
