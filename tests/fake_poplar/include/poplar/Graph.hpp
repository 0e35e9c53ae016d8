#ifndef FAKE_POPLAR_POPLAR_GRAPH_HPP
#define FAKE_POPLAR_POPLAR_GRAPH_HPP

#include <string>

namespace poplar {

std::string versionString();
std::string packageHash();

}  // namespace poplar

#endif  // FAKE_POPLAR_POPLAR_GRAPH_HPP
