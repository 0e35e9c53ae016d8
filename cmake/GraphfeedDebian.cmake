# Debian packages by CPack, one for each component. `./run deb` makes them. What they depend on is
# found by dpkg-shlibdeps in what was linked.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME graphfeed)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR graphfeed)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_SOURCE_DIR}/build/debian)
set(CPACK_COMPONENTS_ALL server cli dev python worker)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
# /etc and /lib are beside /usr.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
# Folders that an installation makes are Debian's, whatever the umask.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
    GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "graphfeed maintainers <maintainers@graphfeed.invalid>")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(same_version "(= ${PROJECT_VERSION})")

set(CPACK_DEBIAN_SERVER_PACKAGE_NAME graphfeed-server)
set(CPACK_DEBIAN_SERVER_PACKAGE_SECTION net)
set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS "adduser, graphfeed ${same_version}")
# Found when a store in RADOS is opened.
set(CPACK_DEBIAN_SERVER_PACKAGE_SUGGESTS "librados2")
set(CPACK_COMPONENT_SERVER_DESCRIPTION "server of batches of graphs of static shape
Keeps datasets of graphs in RocksDB, packs and pads them on request, and
streams batches of one fixed shape over gRPC to any number of training hosts.

This package has the server as a systemd service, whose flags are in
/etc/default/graphfeed-server and whose data is in /var/lib/graphfeed.")
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA
    ${PROJECT_SOURCE_DIR}/packaging/debian/server/conffiles
    ${PROJECT_SOURCE_DIR}/packaging/debian/server/postinst
    ${PROJECT_SOURCE_DIR}/packaging/debian/server/prerm
    ${PROJECT_SOURCE_DIR}/packaging/debian/server/postrm)

set(CPACK_DEBIAN_CLI_PACKAGE_NAME graphfeed)
set(CPACK_DEBIAN_CLI_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_CLI_PACKAGE_SUGGESTS "librados2")
set(CPACK_COMPONENT_CLI_DESCRIPTION "command line of graphfeed
Imports datasets of graphs into graphfeed servers and data folders, describes,
copies and partitions them, and looks at plans, streams and workers.")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libgraphfeed-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
# protobuf-compiler-grpc: gRPC's CMake package asks for its plugins.
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS
    "libabsl-dev, libgrpc++-dev, libprotobuf-dev, libssl-dev, libxxhash-dev, protobuf-compiler-grpc, zlib1g-dev")
set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS "graphfeed-server")
set(CPACK_DEBIAN_DEV_PACKAGE_SHLIBDEPS OFF)
set(CPACK_COMPONENT_DEV_DESCRIPTION "C++ client library of graphfeed
Receives batches of graphs of static shape from graphfeed servers, and sends
them datasets.

This package has the static library, headers, files for CMake and pkg-config,
the messages of the protocol, and an example.")

set(CPACK_DEBIAN_PYTHON_PACKAGE_NAME python3-graphfeed)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
math(EXPR next_python "${Python3_VERSION_MINOR} + 1")
set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS
    "python3 (>= 3.${Python3_VERSION_MINOR}), python3 (<< 3.${next_python}), python3-numpy")
set(CPACK_DEBIAN_PYTHON_PACKAGE_SUGGESTS
    "python3-torch, python3-matplotlib, python3-tqdm, python3-prometheus-client")
set(CPACK_COMPONENT_PYTHON_DESCRIPTION "Python client of graphfeed
Loaders with PyTorch Geometric's and PopTorch Geometric's names, whose batches
of static shape come from graphfeed servers as numpy arrays or torch tensors.")
set(CPACK_DEBIAN_PYTHON_PACKAGE_CONTROL_EXTRA
    ${PROJECT_SOURCE_DIR}/packaging/debian/python/postinst
    ${PROJECT_SOURCE_DIR}/packaging/debian/python/prerm)

set(CPACK_DEBIAN_WORKER_PACKAGE_NAME graphfeed-worker)
set(CPACK_DEBIAN_WORKER_PACKAGE_SECTION science)
set(CPACK_DEBIAN_WORKER_PACKAGE_DEPENDS "python3:any")
set(CPACK_DEBIAN_WORKER_PACKAGE_RECOMMENDS "libopenblas0-openmp, python3-torch")
set(CPACK_DEBIAN_WORKER_PACKAGE_SUGGESTS "graphfeed")
set(CPACK_COMPONENT_WORKER_DESCRIPTION "runs compiled models on batches of graphfeed servers
Trains TorchScript models on batches of graphs of static shape or asks them,
keeps checkpoints, and serves metrics.

graphfeed-export-model writes models of graph networks for it.")

# What Debian wants in every package.
set(documents ${CMAKE_CURRENT_BINARY_DIR}/debian)
configure_file(${PROJECT_SOURCE_DIR}/packaging/debian/changelog.in ${documents}/changelog @ONLY)
execute_process(COMMAND gzip -9nc ${documents}/changelog OUTPUT_FILE ${documents}/changelog.gz
                COMMAND_ERROR_IS_FATAL ANY)
foreach(component ${CPACK_COMPONENTS_ALL})
  string(TOUPPER ${component} upper)
  install(FILES ${documents}/changelog.gz ${PROJECT_SOURCE_DIR}/packaging/debian/copyright
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME}
          COMPONENT ${component})
endforeach()
include(CPack)
