#ifndef FAKE_POPLAR_POPEF_TYPES_HPP
#define FAKE_POPLAR_POPEF_TYPES_HPP

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace popef {

enum class DataType { BOOL, F8, F16, F32, F64, S8, U8, S16, U16, S32, U32, S64, U64 };
enum class TensorType { UNKNOWN, INPUT, OUTPUT };

// A member with its getters and setter as PopEF names them.
#define FAKE_POPEF_MEMBER(type, get, set)    \
 public:                                     \
  const type& get() const { return get##_; } \
  type& get() { return get##_; }             \
  void set(const type& to) { get##_ = to; }  \
                                             \
 private:                                    \
  type get##_{};

class TensorInfo {
  FAKE_POPEF_MEMBER(DataType, dataType, setDataType)
  FAKE_POPEF_MEMBER(std::vector<std::int64_t>, shape, setShape)
 public:
  std::int64_t sizeInBytes() const;
};

class TensorDataInfo {
  FAKE_POPEF_MEMBER(std::string, name, setName)
  FAKE_POPEF_MEMBER(TensorInfo, tensorInfo, setTensorInfo)
};

class Option {
 public:
  Option() = default;
  Option(std::string name, std::string value) : name_(std::move(name)), value_(std::move(value)) {}
  FAKE_POPEF_MEMBER(std::string, name, setName)
  FAKE_POPEF_MEMBER(std::string, value, setValue)
};

class ProgramFlow {
 public:
  using ProgramIndexType = std::uint32_t;
  FAKE_POPEF_MEMBER(std::vector<ProgramIndexType>, load, setLoad)
  FAKE_POPEF_MEMBER(std::vector<ProgramIndexType>, main, setMain)
  FAKE_POPEF_MEMBER(std::vector<ProgramIndexType>, save, setSave)
};

class Anchor {
  FAKE_POPEF_MEMBER(std::string, name, setName)
  FAKE_POPEF_MEMBER(std::string, handle, setHandle)
  FAKE_POPEF_MEMBER(TensorInfo, tensorInfo, setTensorInfo)
  FAKE_POPEF_MEMBER(bool, isPerReplica, setIsPerReplica)
  FAKE_POPEF_MEMBER(TensorType, type, setType)
  FAKE_POPEF_MEMBER(std::vector<std::uint32_t>, programs, setPrograms)
};

class Metadata {
  FAKE_POPEF_MEMBER(std::int64_t, replicationFactor, setReplicationFactor)
  FAKE_POPEF_MEMBER(std::int64_t, numIpus, setNumIpus)
  FAKE_POPEF_MEMBER(std::int64_t, ipuVersion, setIpuVersion)
  FAKE_POPEF_MEMBER(std::string, executable, setExecutable)
  FAKE_POPEF_MEMBER(std::int64_t, numProcesses, setNumProcesses)
  FAKE_POPEF_MEMBER(bool, isInference, setIsInference)
  FAKE_POPEF_MEMBER(std::vector<Option>, engineOptions, setEngineOptions)
  FAKE_POPEF_MEMBER(std::vector<Option>, deviceOptions, setDeviceOptions)
  FAKE_POPEF_MEMBER(std::string, seedHandle, setSeedHandle)
  FAKE_POPEF_MEMBER(std::int64_t, deviceIterations, setDeviceIterations)
  FAKE_POPEF_MEMBER(std::vector<Anchor>, anchors, setAnchors)
  FAKE_POPEF_MEMBER(ProgramFlow, programFlow, setProgramFlow)
};

#undef FAKE_POPEF_MEMBER

}  // namespace popef

#endif  // FAKE_POPLAR_POPEF_TYPES_HPP
