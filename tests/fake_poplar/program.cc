#include "tests/fake_poplar/program.h"

#include <exception>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "poplar/exceptions.hpp"

namespace fake_poplar {
namespace {

using Json = nlohmann::ordered_json;
constexpr char kMagic[] = "FAKEPOPLAR1\n";

// Each struct's members, once for both directions.
template <typename Visit>
void Members(StreamSpec& spec, Visit visit) {
  visit("name", spec.name);
  visit("handle", spec.handle);
  visit("dtype", spec.dtype);
  visit("shape", spec.shape);
}
template <typename Visit>
void Members(Variable& variable, Visit visit) {
  Members(static_cast<StreamSpec&>(variable), visit);
  visit("per_replica", variable.per_replica);
  visit("upload", variable.upload);
  visit("upload_program", variable.upload_program);
  visit("download", variable.download);
  visit("download_program", variable.download_program);
}
template <typename Visit>
void Members(Output& output, Visit visit) {
  Members(static_cast<StreamSpec&>(output), visit);
  visit("keep", output.keep);
}
template <typename Visit>
void Members(Operation& operation, Visit visit) {
  visit("op", operation.op);
  visit("in", operation.in);
  visit("out", operation.out);
  visit("index", operation.index);
  visit("size", operation.size);
}
template <typename Visit>
void Members(Program& program, Visit visit) {
  visit("package_hash", program.package_hash);
  visit("num_ipus", program.num_ipus);
  visit("replicas", program.replicas);
  visit("device_iterations", program.device_iterations);
  visit("buffering", program.buffering);
  visit("main_program", program.main_program);
  visit("variables", program.variables);
  visit("inputs", program.inputs);
  visit("outputs", program.outputs);
  visit("operations", program.operations);
  visit("loss", program.loss);
  visit("learning_rate", program.learning_rate);
  visit("parameters", program.parameters);
}

template <typename T>
constexpr bool kIsStruct =
    std::is_base_of_v<StreamSpec, T> || std::is_same_v<T, Operation> || std::is_same_v<T, Program>;
template <typename T>
constexpr bool kIsList = false;
template <typename T>
constexpr bool kIsList<std::vector<T>> = kIsStruct<T>;

template <typename T>
Json ToJson(T& value) {
  if constexpr (kIsStruct<T>) {
    Json json = Json::object();
    Members(value, [&json](const char* name, auto& member) { json[name] = ToJson(member); });
    return json;
  } else if constexpr (kIsList<T>) {
    Json json = Json::array();
    for (auto& element : value) json.push_back(ToJson(element));
    return json;
  } else {
    return Json(value);
  }
}

template <typename T>
void FromJson(const Json& json, T& value) {
  if constexpr (kIsStruct<T>) {
    Members(value, [&json](const char* name, auto& member) { FromJson(json.at(name), member); });
  } else if constexpr (kIsList<T>) {
    value.resize(json.size());
    for (std::size_t i = 0; i < value.size(); ++i) FromJson(json.at(i), value[i]);
  } else {
    json.get_to(value);
  }
}

}  // namespace

std::size_t StreamSpec::Bytes() const {
  std::size_t bytes = dtype == "BOOL" ? 1 : 4;
  for (const std::int64_t size : shape) bytes *= static_cast<std::size_t>(size);
  return bytes;
}

Program ParseProgram(const std::string& bytes) {
  if (bytes.rfind(kMagic, 0) != 0) throw poplar::parse_error("not an executable of fake Poplar");
  try {
    Program program;
    FromJson(Json::parse(bytes.substr(sizeof(kMagic) - 1)), program);
    return program;
  } catch (const std::exception& error) {
    throw poplar::parse_error(error.what());
  }
}

std::string WriteProgram(const Program& program) {
  Program copy = program;
  return kMagic + ToJson(copy).dump();
}

}  // namespace fake_poplar
