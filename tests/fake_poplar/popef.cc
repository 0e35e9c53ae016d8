#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "popef/Reader.hpp"
#include "popef/Types.hpp"
#include "popef/Writer.hpp"
#include "tests/fake_poplar/control.h"

namespace popef {
namespace {

using Json = nlohmann::ordered_json;

std::unique_ptr<std::istream> StreamOf(const std::shared_ptr<const std::string>& bytes) {
  return std::make_unique<std::istringstream>(*bytes);
}

void WriteBlob(std::ostream& out, const char* type, const Json& header, const std::string& bytes) {
  const std::string text = header.dump();
  out << "FAKEPOPEF1 " << type << ' ' << text.size() << ' ' << bytes.size() << '\n'
      << text << bytes;
}

Json ToJson(const TensorInfo& info) {
  return {{"dtype", static_cast<int>(info.dataType())}, {"shape", info.shape()}};
}
TensorInfo TensorInfoOf(const Json& json) {
  TensorInfo info;
  info.setDataType(static_cast<DataType>(json.at("dtype").get<int>()));
  info.setShape(json.at("shape").get<std::vector<std::int64_t>>());
  return info;
}

Json ToJson(const std::vector<Option>& options) {
  Json json = Json::array();
  for (const Option& option : options) json.push_back({option.name(), option.value()});
  return json;
}
std::vector<Option> OptionsOf(const Json& json) {
  std::vector<Option> options;
  for (const Json& pair : json) options.emplace_back(pair.at(0), pair.at(1));
  return options;
}

Json ToJson(const Anchor& anchor) {
  return {{"name", anchor.name()},
          {"handle", anchor.handle()},
          {"tensor", ToJson(anchor.tensorInfo())},
          {"per_replica", anchor.isPerReplica()},
          {"type", static_cast<int>(anchor.type())},
          {"programs", anchor.programs()}};
}
Anchor AnchorOf(const Json& json) {
  Anchor anchor;
  anchor.setName(json.at("name"));
  anchor.setHandle(json.at("handle"));
  anchor.setTensorInfo(TensorInfoOf(json.at("tensor")));
  anchor.setIsPerReplica(json.at("per_replica"));
  anchor.setType(static_cast<TensorType>(json.at("type").get<int>()));
  anchor.setPrograms(json.at("programs").get<std::vector<std::uint32_t>>());
  return anchor;
}

Metadata MetadataOf(const Json& json) {
  Metadata metadata;
  metadata.setReplicationFactor(json.at("replicas"));
  metadata.setNumIpus(json.at("num_ipus"));
  metadata.setIpuVersion(json.at("ipu_version"));
  metadata.setExecutable(json.at("executable"));
  metadata.setNumProcesses(json.at("num_processes"));
  metadata.setIsInference(json.at("inference"));
  metadata.setEngineOptions(OptionsOf(json.at("engine_options")));
  metadata.setDeviceOptions(OptionsOf(json.at("device_options")));
  metadata.setSeedHandle(json.at("seed_handle"));
  metadata.setDeviceIterations(json.at("device_iterations"));
  for (const Json& anchor : json.at("anchors")) metadata.anchors().push_back(AnchorOf(anchor));
  ProgramFlow flow;
  flow.setLoad(json.at("load").get<std::vector<std::uint32_t>>());
  flow.setMain(json.at("main").get<std::vector<std::uint32_t>>());
  flow.setSave(json.at("save").get<std::vector<std::uint32_t>>());
  metadata.setProgramFlow(flow);
  return metadata;
}

}  // namespace

std::int64_t TensorInfo::sizeInBytes() const {
  static constexpr int kBytes[] = {1, 1, 2, 4, 8, 1, 1, 2, 2, 4, 4, 8, 8};
  std::int64_t size = kBytes[static_cast<int>(dataType())];
  for (const std::int64_t dimension : shape()) size *= dimension;
  return size;
}

std::unique_ptr<std::istream> TensorReader::getStandaloneDataStream() const {
  return StreamOf(bytes);
}
std::unique_ptr<std::istream> ExecutableReader::getStandaloneExecutableStream() const {
  return StreamOf(bytes);
}
std::unique_ptr<std::istream> OpaqueReader::getStandaloneDataStream() const {
  fake_poplar::Count(&fake_poplar::Counts::opaque_reads);
  return StreamOf(bytes);
}

void Reader::parseFile(const std::string& path) {
  const auto file = std::make_shared<std::ifstream>(path, std::ios::binary);
  if (!*file) throw std::runtime_error("cannot open " + path);
  parseStream(file);
}

void Reader::parseStream(std::shared_ptr<std::istream> in) {
  bool any = false;
  for (std::string line; std::getline(*in, line); any = true) {
    std::istringstream words(line);
    std::string magic;
    std::string type;
    std::size_t header_size = 0;
    std::size_t data_size = 0;
    words >> magic >> type >> header_size >> data_size;
    if (!words || magic != "FAKEPOPEF1") throw std::runtime_error("a blob does not begin as one");
    std::string text(header_size, '\0');
    std::string data(data_size, '\0');
    in->read(text.data(), static_cast<std::streamsize>(header_size));
    in->read(data.data(), static_cast<std::streamsize>(data_size));
    if (!*in) throw std::runtime_error("the file ends within a blob");
    const Json header = Json::parse(text);
    const auto bytes = std::make_shared<const std::string>(std::move(data));
    if (type == "METADATA") {
      metadata_.push_back(MetadataOf(header));
    } else if (type == "POPLAR_EXECUTABLE") {
      executables_.push_back({header.at("name"), bytes});
    } else if (type == "DATA_TENSOR") {
      TensorDataInfo info;
      info.setName(header.at("name"));
      info.setTensorInfo(TensorInfoOf(header.at("tensor")));
      tensors_.push_back({info, bytes});
    } else if (type == "OPAQUE") {
      opaques_.push_back({header.at("name"), header.at("executable"), bytes});
    } else {
      throw std::runtime_error("no type of blob is called " + type);
    }
  }
  if (!any) throw std::runtime_error("the file is empty");
}

void Writer::write(const Metadata& metadata) {
  Json anchors = Json::array();
  for (const Anchor& anchor : metadata.anchors()) anchors.push_back(ToJson(anchor));
  WriteBlob(out_, "METADATA",
            {{"replicas", metadata.replicationFactor()},
             {"num_ipus", metadata.numIpus()},
             {"ipu_version", metadata.ipuVersion()},
             {"executable", metadata.executable()},
             {"num_processes", metadata.numProcesses()},
             {"inference", metadata.isInference()},
             {"engine_options", ToJson(metadata.engineOptions())},
             {"device_options", ToJson(metadata.deviceOptions())},
             {"seed_handle", metadata.seedHandle()},
             {"device_iterations", metadata.deviceIterations()},
             {"anchors", anchors},
             {"load", metadata.programFlow().load()},
             {"main", metadata.programFlow().main()},
             {"save", metadata.programFlow().save()}},
            "");
}

void Writer::writeExecutable(const std::string& name, const std::string& bytes) {
  WriteBlob(out_, "POPLAR_EXECUTABLE", {{"name", name}}, bytes);
}

void Writer::writeTensorData(const TensorDataInfo& info, const std::string& bytes) {
  WriteBlob(out_, "DATA_TENSOR", {{"name", info.name()}, {"tensor", ToJson(info.tensorInfo())}},
            bytes);
}

void Writer::writeOpaqueBlob(const std::string& name, const std::string& executable,
                             const std::string& bytes) {
  WriteBlob(out_, "OPAQUE", {{"name", name}, {"executable", executable}}, bytes);
}

}  // namespace popef
