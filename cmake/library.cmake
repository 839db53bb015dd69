# SPDX-License-Identifier: Apache-2.0
# libsluice, shared and static, of the floors' objects; and what `cmake --install` puts where.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(FLOORS sluice_crypto sluice_net sluice_engine)
set(FLOOR_OBJECTS)
foreach(floor ${FLOORS})
  list(APPEND FLOOR_OBJECTS $<TARGET_OBJECTS:${floor}>)
endforeach()

# What the static library's users have to link, too.
set(SLUICE_REQUIRES "libsodium openssl>=3.0 ck libcjson libcurl sqlite3")
if(SLUICE_URING)
  string(APPEND SLUICE_REQUIRES " liburing")
endif()
string(REPLACE ">=" " >= " SLUICE_REQUIRES_PC "${SLUICE_REQUIRES}")

# ---- shared: exports what the headers declare (cmake/sluice.map), all else is hidden ----

set(VERSION_SCRIPT ${PROJECT_SOURCE_DIR}/cmake/sluice.map)
add_library(sluice_shared SHARED ${FLOOR_OBJECTS})
target_link_libraries(sluice_shared PRIVATE ${FLOORS})
target_link_options(sluice_shared PRIVATE -Wl,--version-script=${VERSION_SCRIPT} -Wl,--exclude-libs,ALL)
if(NOT SLUICE_SANITIZE)
  target_link_options(sluice_shared PRIVATE -Wl,-z,defs -Wl,-z,now)
endif()
target_include_directories(sluice_shared INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
set_target_properties(sluice_shared PROPERTIES OUTPUT_NAME sluice EXPORT_NAME sluice LINKER_LANGUAGE C
                      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} LINK_DEPENDS ${VERSION_SCRIPT}
                      LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})

# ---- static: one object whose hidden names are made local, so that a program's own can be the same ----

set(STATIC_LIBRARY ${PROJECT_BINARY_DIR}/libsluice.a)
set(STATIC_OBJECT ${PROJECT_BINARY_DIR}/sluice-static.o)
add_custom_command(
  OUTPUT ${STATIC_LIBRARY} BYPRODUCTS ${STATIC_OBJECT}
  COMMAND ${CMAKE_LINKER} -r -o ${STATIC_OBJECT} ${FLOOR_OBJECTS}
  COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${STATIC_OBJECT}
  COMMAND ${CMAKE_COMMAND} -E rm -f ${STATIC_LIBRARY}
  COMMAND ${CMAKE_AR} rcsD ${STATIC_LIBRARY} ${STATIC_OBJECT}
  DEPENDS ${FLOORS} ${FLOOR_OBJECTS}
  COMMAND_EXPAND_LISTS VERBATIM
  COMMENT "Linking C static library libsluice.a")
add_custom_target(sluice_static ALL DEPENDS ${STATIC_LIBRARY})

# ---- install ----

set(PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
install(TARGETS sluice RUNTIME)
install(TARGETS sluice_shared EXPORT sluice LIBRARY)
install(FILES ${STATIC_LIBRARY} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/sluice DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN *.c)
foreach(section 1 3 7)
  file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.${section})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  # Every name of a page finds it.
  foreach(page ${pages})
    get_filename_component(title ${page} NAME_WE)
    file(STRINGS ${page} names REGEX "^\\.Nm [a-z_]+ ?,?$")
    foreach(name ${names})
      string(REGEX REPLACE "^\\.Nm ([a-z_]+).*" "\\1" name "${name}")
      if(NOT EXISTS ${PROJECT_SOURCE_DIR}/docs/man/${name}.${section} AND NOT name STREQUAL title)
        file(WRITE ${PROJECT_BINARY_DIR}/man/${name}.${section} ".so man${section}/${title}.${section}\n")
        install(FILES ${PROJECT_BINARY_DIR}/man/${name}.${section} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
      endif()
    endforeach()
  endforeach()
endforeach()

# The installed tree may be moved: pkg-config files and the package find their prefix by where they are.
file(RELATIVE_PATH PREFIX_FROM_PC /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
foreach(file sluice.pc sluice-static.pc)
  configure_file(cmake/${file}.in ${file} @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
configure_package_config_file(cmake/sluice-config.cmake.in sluice-config.cmake INSTALL_DESTINATION ${PACKAGE_DIR}
                              PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(sluice-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/sluice-config.cmake ${PROJECT_BINARY_DIR}/sluice-config-version.cmake
        DESTINATION ${PACKAGE_DIR})
install(EXPORT sluice NAMESPACE sluice:: FILE sluice-targets.cmake DESTINATION ${PACKAGE_DIR})
