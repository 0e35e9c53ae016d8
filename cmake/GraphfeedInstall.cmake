# What is installed and where, by component: each is a Debian package (GraphfeedDebian.cmake).
include(GNUInstallDirs)
# Debian's place for libraries, whatever the prefix.
set(CMAKE_INSTALL_LIBDIR lib/${CMAKE_LIBRARY_ARCHITECTURE})

# graphfeed_install_program(target component)
function(graphfeed_install_program target component)
  install(TARGETS ${target} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT ${component})
endfunction()

# graphfeed_install_headers(folder ...): the headers in these folders, and those of ours that they
# include, looked up when they are installed. They are included by their place in the project.
function(graphfeed_install_headers)
  install(CODE "set(folders \"${ARGN}\")
set(root \"${PROJECT_SOURCE_DIR}\")
set(destination \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}/graphfeed\")
include(\"${PROJECT_SOURCE_DIR}/cmake/InstallHeaders.cmake\")" COMPONENT dev)
endfunction()
