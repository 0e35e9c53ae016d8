# graphfeed::client, the C++ client library, for find_package(graphfeed).
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(Protobuf)
find_dependency(absl CONFIG)
find_dependency(gRPC CONFIG)
include(${CMAKE_CURRENT_LIST_DIR}/graphfeedTargets.cmake)
