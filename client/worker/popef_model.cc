#include "client/worker/popef_model.h"

#include <algorithm>
#include <array>
#include <exception>
#include <fstream>
#include <popef/Reader.hpp>
#include <popef/Types.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/worker/popef_errors.h"
#include "client/worker/sha256.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr size_t kMaxStreamBytes = size_t{128} << 20;  // Poplar's limit of one stream's buffer

// Of all files, one after the other.
absl::StatusOr<std::string> HashOf(const std::vector<std::string>& files) {
  Sha256 hash;
  std::string buffer(size_t{1} << 20, '\0');
  for (const std::string& file : files) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return PopefModelError(absl::StrCat("model ", file, " cannot be read"));
    while (stream) {
      stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
      hash.Update(absl::string_view(buffer.data(), static_cast<size_t>(stream.gcount())));
    }
  }
  return hash.Finish();
}

struct ElementType {
  popef::DataType type;
  const char* name;
  std::optional<DType> dtype;
};

// U16, U32 and U64 are in no batch, but weights and seeds may be of them.
const ElementType* FindType(popef::DataType type) {
  static const std::array<ElementType, 12> kTypes = {{
      {popef::DataType::BOOL, "BOOL", DType::kBool},
      {popef::DataType::F16, "F16", DType::kFloat16},
      {popef::DataType::F32, "F32", DType::kFloat32},
      {popef::DataType::F64, "F64", DType::kFloat64},
      {popef::DataType::S8, "S8", DType::kInt8},
      {popef::DataType::U8, "U8", DType::kUint8},
      {popef::DataType::S16, "S16", DType::kInt16},
      {popef::DataType::U16, "U16", std::nullopt},
      {popef::DataType::S32, "S32", DType::kInt32},
      {popef::DataType::U32, "U32", std::nullopt},
      {popef::DataType::S64, "S64", DType::kInt64},
      {popef::DataType::U64, "U64", std::nullopt},
  }};
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [type](const ElementType& row) { return row.type == type; });
  return found == kTypes.end() ? nullptr : &*found;
}

using Programs = std::vector<uint32_t>;

bool Meet(const Programs& some, const Programs& others) {
  return std::any_of(some.begin(), some.end(), [&](uint32_t program) {
    return std::find(others.begin(), others.end(), program) != others.end();
  });
}

absl::StatusOr<PopefTensor> ReadAnchor(const popef::Anchor& anchor, int64_t replicas) {
  PopefTensor tensor;
  tensor.name = anchor.name();
  tensor.handle = anchor.handle();
  const std::string what = absl::StrCat("tensor ", tensor.name);
  const ElementType* type = FindType(anchor.tensorInfo().dataType());
  if (type == nullptr) {
    return PopefModelError(absl::StrCat(what, " has an element type that no batch has (number ",
                                        static_cast<int>(anchor.tensorInfo().dataType()),
                                        " of PopEF)"));
  }
  tensor.type = type->name;
  tensor.dtype = type->dtype;
  tensor.shape.assign(anchor.tensorInfo().shape().begin(), anchor.tensorInfo().shape().end());
  tensor.per_replica = anchor.isPerReplica() && replicas > 1;
  tensor.size_bytes = static_cast<size_t>(anchor.tensorInfo().sizeInBytes());
  if (tensor.per_replica) {
    if (tensor.shape.empty() || tensor.shape[0] != replicas) {
      return PopefModelError(absl::StrCat(
          what, " has shape [", absl::StrJoin(tensor.shape, ", "), "], but one value for each of ",
          replicas, " replicas is expected: groups of replicas are not supported"));
    }
    tensor.shape.erase(tensor.shape.begin());
    tensor.size_bytes /= static_cast<size_t>(replicas);
  }
  if (tensor.size_bytes == 0) return PopefModelError(absl::StrCat(what, " has no bytes"));
  if (tensor.size_bytes > kMaxStreamBytes) {
    return PopefModelError(absl::StrCat(what, " has ", tensor.size_bytes,
                                        " bytes; a stream holds at most ", kMaxStreamBytes));
  }
  return tensor;
}

absl::Status CheckBatchTensor(const PopefTensor& tensor, int64_t replicas) {
  if (!tensor.dtype.has_value()) {
    return PopefModelError(absl::StrCat("tensor ", tensor.name, " has element type ", tensor.type,
                                        ", which no batch has"));
  }
  if (replicas > 1 && !tensor.per_replica) {
    return PopefModelError(absl::StrCat(
        "tensor ", tensor.name, " is shared by all ", replicas,
        " replicas: a model whose replicas have micro-batches of their own is expected"));
  }
  return absl::OkStatus();
}

const popef::TensorReader* FindValue(const popef::Reader& reader, const std::string& name) {
  for (const popef::TensorReader& tensor : reader.tensors()) {
    if (tensor.info.name() == name) return &tensor;
  }
  return nullptr;
}

absl::StatusOr<std::string> ReadValue(const PopefModel& model, const PopefTensor& weight,
                                      const popef::Reader& reader, bool is_seed, uint64_t seed) {
  const size_t size = ValueBytes(model, weight);
  std::string value(size, '\0');
  const popef::TensorReader* source = FindValue(reader, weight.name);
  if (source == nullptr) {
    if (!is_seed) {
      return PopefModelError(
          absl::StrCat("tensor ", weight.name,
                       " is loaded before the first step, but the file "
                       "holds no value for it: export the model with its weights"));
    }
    for (size_t i = 0; i < std::min(size, sizeof(seed)); ++i) {
      value[i] = static_cast<char>(seed >> (8 * i));
    }
    return value;
  }
  const auto stored = static_cast<size_t>(source->info.tensorInfo().sizeInBytes());
  const ElementType* type = FindType(source->info.tensorInfo().dataType());
  if (stored != size || type == nullptr || weight.type != type->name) {
    return PopefModelError(absl::StrCat("tensor ", weight.name, " is stored as ", stored,
                                        " bytes of ", type == nullptr ? "?" : type->name,
                                        ", and loaded as ", size, " bytes of ", weight.type));
  }
  const std::unique_ptr<std::istream> stream(source->getStandaloneDataStream());
  stream->read(value.data(), static_cast<std::streamsize>(size));
  if (static_cast<size_t>(stream->gcount()) != size) {
    return PopefModelError(absl::StrCat("tensor ", weight.name, " ends after ", stream->gcount(),
                                        " of ", size, " bytes"));
  }
  return value;
}

absl::Status ReadAnchors(const popef::Metadata& metadata, const popef::Reader& reader,
                         PopefModel& model) {
  for (const popef::Anchor& anchor : metadata.anchors()) {
    if (anchor.type() == popef::TensorType::UNKNOWN || anchor.handle().empty()) {
      return PopefModelError(absl::StrCat("tensor ", anchor.name(),
                                          " has no stream: models whose weights are in "
                                          "remote buffers cannot be run"));
    }
    const bool input = anchor.type() == popef::TensorType::INPUT;
    Programs programs(anchor.programs().begin(), anchor.programs().end());
    if (programs.empty()) {  // older writers do not say; a stored value is a weight
      const bool stored = FindValue(reader, anchor.name()) != nullptr;
      programs = input && stored ? model.load_programs : model.main_programs;
    }
    GF_ASSIGN_OR_RETURN(PopefTensor tensor, ReadAnchor(anchor, model.replicas));
    if (Meet(programs, model.main_programs)) {
      GF_RETURN_IF_ERROR(CheckBatchTensor(tensor, model.replicas));
      (input ? model.inputs : model.outputs).push_back(std::move(tensor));
    } else if (input && Meet(programs, model.load_programs)) {
      model.weights.push_back(std::move(tensor));
    } else if (!input && Meet(programs, model.save_programs)) {
      model.saved.push_back(std::move(tensor));
    }  // the rest belongs to programs that are never run
  }
  return absl::OkStatus();
}

absl::Status CheckTensors(const PopefModel& model) {
  const std::pair<const char*, const std::vector<PopefTensor>*> groups[] = {
      {"inputs", &model.inputs},
      {"outputs", &model.outputs},
      {"loaded weights", &model.weights},
      {"saved weights", &model.saved}};
  for (const auto& [what, tensors] : groups) {
    std::set<std::string> names;
    for (const PopefTensor& tensor : *tensors) {
      if (!names.insert(tensor.name).second) {
        return PopefModelError(absl::StrCat("two ", what, " are called ", tensor.name));
      }
    }
  }
  for (const PopefTensor& weight : model.weights) {
    for (const PopefTensor& saved : model.saved) {
      if (weight.name != saved.name) continue;
      if (weight.type != saved.type || weight.shape != saved.shape ||
          weight.per_replica != saved.per_replica) {
        return PopefModelError(absl::StrCat("tensor ", weight.name,
                                            " is loaded and saved with different types or shapes"));
      }
    }
  }
  if (model.inputs.empty()) return PopefModelError("the main program has no inputs");
  if (model.outputs.empty()) return PopefModelError("the main program has no outputs");
  return absl::OkStatus();
}

absl::Status ReadMetadata(const popef::Metadata& metadata, PopefModel& model) {
  if (metadata.numProcesses() > 1) {
    return PopefModelError(absl::StrCat("the model was compiled for ", metadata.numProcesses(),
                                        " processes; a worker is one process"));
  }
  model.replicas = metadata.replicationFactor();
  model.device_iterations = metadata.deviceIterations();
  model.num_ipus = metadata.numIpus();
  model.ipu_version = metadata.ipuVersion();
  model.trains = !metadata.isInference();
  if (model.replicas < 1 || model.device_iterations < 1 || model.num_ipus < 1) {
    return PopefModelError(absl::StrCat("replicas (", model.replicas, "), device iterations (",
                                        model.device_iterations, ") and IPUs (", model.num_ipus,
                                        ") must be at least 1"));
  }
  if (model.num_ipus % model.replicas != 0) {
    return PopefModelError(absl::StrCat(model.num_ipus, " IPUs cannot be shared evenly by ",
                                        model.replicas, " replicas"));
  }
  for (const popef::Option& option : metadata.engineOptions()) {
    model.engine_options[option.name()] = option.value();
  }
  for (const popef::Option& option : metadata.deviceOptions()) {
    model.device_options[option.name()] = option.value();
  }
  model.load_programs = metadata.programFlow().load();
  model.main_programs = metadata.programFlow().main();
  model.save_programs = metadata.programFlow().save();
  if (model.main_programs.empty()) return PopefModelError("the metadata name no main program");
  return absl::OkStatus();
}

absl::StatusOr<PopefModel> ReadParsed(const std::shared_ptr<popef::Reader>& reader, uint64_t seed) {
  if (reader->metadata().size() != 1 || reader->executables().size() != 1) {
    return PopefModelError(absl::StrCat("one model is expected; there are ",
                                        reader->metadata().size(), " blobs of metadata and ",
                                        reader->executables().size(), " executables"));
  }
  const popef::Metadata& metadata = reader->metadata()[0];
  if (metadata.executable() != reader->executables()[0].name) {
    return PopefModelError(absl::StrCat("the metadata belong to executable ", metadata.executable(),
                                        ", and the file holds ", reader->executables()[0].name));
  }
  PopefModel model;
  GF_RETURN_IF_ERROR(ReadMetadata(metadata, model));
  GF_RETURN_IF_ERROR(ReadAnchors(metadata, *reader, model));
  GF_RETURN_IF_ERROR(CheckTensors(model));
  for (const PopefTensor& weight : model.weights) {
    const bool is_seed = weight.handle == metadata.seedHandle();
    GF_ASSIGN_OR_RETURN(std::string value, ReadValue(model, weight, *reader, is_seed, seed));
    model.weight_values.push_back(std::move(value));
  }
  model.open_executable = [reader]() -> std::unique_ptr<std::istream> {
    return reader->executables()[0].getStandaloneExecutableStream();
  };
  return model;
}

}  // namespace

size_t ValueBytes(const PopefModel& model, const PopefTensor& tensor) {
  return tensor.size_bytes * static_cast<size_t>(tensor.per_replica ? model.replicas : 1);
}

absl::StatusOr<PopefModel> ReadPopefModel(const std::vector<std::string>& files, uint64_t seed) {
  if (files.empty()) return PopefModelError("no model file is named");
  GF_ASSIGN_OR_RETURN(std::string sha256, HashOf(files));
  const std::string names = absl::StrJoin(files, ", ");
  try {
    const auto reader = std::make_shared<popef::Reader>();
    for (const std::string& file : files) reader->parseFile(file);
    absl::StatusOr<PopefModel> model = ReadParsed(reader, seed);
    if (!model.ok()) {
      return PopefModelError(absl::StrCat("model ", names, ": ", model.status().message()));
    }
    model->sha256 = std::move(sha256);
    return model;
  } catch (const std::exception& error) {
    return PopefModelError(absl::StrCat("model ", names, " is not a PopEF file: ", error.what()));
  }
}

}  // namespace graphfeed
