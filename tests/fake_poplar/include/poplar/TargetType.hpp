#ifndef FAKE_POPLAR_POPLAR_TARGETTYPE_HPP
#define FAKE_POPLAR_POPLAR_TARGETTYPE_HPP

namespace poplar {

enum class TargetType { IPU, IPU_MODEL, CPU };

}  // namespace poplar

#endif  // FAKE_POPLAR_POPLAR_TARGETTYPE_HPP
