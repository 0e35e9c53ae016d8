#include "tests/fake_poplar/example_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "popef/Writer.hpp"
#include "tests/fake_poplar/hardware.h"

namespace fake_poplar {
namespace {

// PopART's numbers of programs.
constexpr unsigned kWeightsFromHost = 0;
constexpr unsigned kOptimizerFromHost = 1;
constexpr unsigned kRngStateFromHost = 4;
constexpr unsigned kProgram = 5;
constexpr unsigned kRngStateToHost = 6;
constexpr unsigned kWeightsToHost = 7;

constexpr char kExecutable[] = "17";  // the name that links blobs

std::string Rename(const ExampleModel& model, const std::string& name) {
  const auto found = model.names.find(name);
  return found == model.names.end() ? name : found->second;
}

StreamSpec Spec(const std::string& name, const std::string& handle, const std::string& dtype,
                std::vector<std::int64_t> shape) {
  StreamSpec spec;
  spec.name = name;
  spec.handle = handle;
  spec.dtype = dtype;
  spec.shape = std::move(shape);
  return spec;
}

Variable MakeVariable(const StreamSpec& spec, unsigned upload_program) {
  Variable variable;
  static_cast<StreamSpec&>(variable) = spec;
  variable.upload = "h2d_" + spec.name;
  variable.upload_program = upload_program;
  return variable;
}

std::vector<Variable> Variables(const ExampleModel& model) {
  std::vector<Variable> variables;
  for (const StreamSpec& parameter : Parameters(model)) {
    Variable variable = MakeVariable(parameter, kWeightsFromHost);
    if (model.trains) {
      variable.download = "weight_d2h_" + parameter.name;
      variable.download_program = kWeightsToHost;
    }
    variables.push_back(variable);
  }
  if (model.trains) {
    variables.push_back(MakeVariable(Spec("learning_rate", "", "F32", {}), kOptimizerFromHost));
  }
  if (model.rng_state) {
    Variable state = MakeVariable(Spec("rng_state", "", "U32", {2}), kRngStateFromHost);
    state.per_replica = model.replicas > 1;
    state.download = "d2h_rng_state";
    state.download_program = kRngStateToHost;
    variables.push_back(state);
  }
  return variables;
}

std::vector<StreamSpec> Inputs(const ExampleModel& model) {
  const std::int64_t rows = model.graphs == 0 ? model.nodes : model.graphs;
  std::vector<StreamSpec> inputs = {Spec("x", "h2d_x", "F32", {model.nodes, model.features}),
                                    Spec("edge_index", "h2d_edge_index", "S32", {2, model.edges}),
                                    Spec("y", "h2d_y", "S32", {rows}),
                                    Spec("mask", "h2d_mask", "BOOL", {rows})};
  if (model.graphs > 0) inputs.push_back(Spec("batch", "h2d_batch", "S32", {model.nodes}));
  return inputs;
}

std::vector<Output> Outputs(const ExampleModel& model) {
  const std::int64_t rows = model.graphs == 0 ? model.nodes : model.graphs;
  Output loss;
  static_cast<StreamSpec&>(loss) = Spec("loss", "anchor_d2h_loss", "F32", {});
  loss.keep = model.keep_loss;
  Output logits;
  static_cast<StreamSpec&>(logits) =
      Spec("logits", "anchor_d2h_logits", "F32", {rows, model.classes});
  logits.keep = "all";
  return {loss, logits};
}

std::vector<Operation> Operations(const ExampleModel& model) {
  std::vector<Operation> operations = {
      {"row", {"edge_index"}, "source", 0, 0},
      {"row", {"edge_index"}, "target", 1, 0},
      {"gather", {"x", "source"}, "messages", 0, 0},
      {"segment_sum", {"messages", "target"}, "neighbours", 0, model.nodes},
      {"matmul", {"x", "w_self"}, "own", 0, 0},
      {"matmul", {"neighbours", "w_neighbour"}, "other", 0, 0},
      {"add", {"own", "other"}, "both", 0, 0},
      {"add_bias", {"both", "b_hidden"}, "before_relu", 0, 0},
      {"relu", {"before_relu"}, "h", 0, 0}};
  std::string last = "h";
  if (model.graphs > 0) {
    operations.push_back({"segment_sum", {"h", "batch"}, "pooled", 0, model.graphs});
    last = "pooled";
  }
  operations.push_back({"matmul", {last, "w_out"}, "scores", 0, 0});
  operations.push_back({"add_bias", {"scores", "b_out"}, "logits", 0, 0});
  operations.push_back({"masked_cross_entropy", {"logits", "y", "mask"}, "loss", 0, 0});
  return operations;
}

popef::DataType TypeOf(const StreamSpec& spec) {
  if (spec.dtype == "BOOL") return popef::DataType::BOOL;
  if (spec.dtype == "F32") return popef::DataType::F32;
  return spec.dtype == "S32" ? popef::DataType::S32 : popef::DataType::U32;
}

popef::TensorInfo InfoOf(const StreamSpec& spec, bool per_replica, std::int64_t replicas) {
  popef::TensorInfo info;
  info.setDataType(TypeOf(spec));
  std::vector<std::int64_t> shape = spec.shape;
  if (per_replica) shape.insert(shape.begin(), replicas);
  info.setShape(shape);
  return info;
}

popef::Anchor AnchorOf(const ExampleModel& model, const StreamSpec& spec, const std::string& handle,
                       popef::TensorType type, unsigned program, bool per_replica) {
  popef::Anchor anchor;
  anchor.setName(Rename(model, spec.name));
  anchor.setHandle(handle);
  anchor.setTensorInfo(InfoOf(spec, per_replica, model.replicas));
  anchor.setIsPerReplica(per_replica);
  anchor.setType(type);
  anchor.setPrograms({program});
  return anchor;
}

popef::Metadata MakeMetadata(const ExampleModel& model, const Program& program) {
  popef::Metadata metadata;
  metadata.setReplicationFactor(model.replicas);
  metadata.setNumIpus(model.replicas);
  metadata.setIpuVersion(2);
  metadata.setExecutable(kExecutable);
  metadata.setNumProcesses(1);
  metadata.setIsInference(!model.trains);
  metadata.setEngineOptions({popef::Option("exchange.enablePrefetch", "true")});
  metadata.setDeviceIterations(model.device_iterations);
  popef::ProgramFlow flow;
  flow.setLoad({kWeightsFromHost});
  flow.setMain({kProgram});
  if (model.trains) {
    flow.load().push_back(kOptimizerFromHost);
    flow.save().push_back(kWeightsToHost);
  }
  if (model.rng_state) {
    flow.load().push_back(kRngStateFromHost);
    flow.save().push_back(kRngStateToHost);
  }
  metadata.setProgramFlow(flow);
  using popef::TensorType;
  const bool replicated = model.replicas > 1;
  std::vector<popef::Anchor>& anchors = metadata.anchors();
  for (const StreamSpec& input : program.inputs) {
    anchors.push_back(
        AnchorOf(model, input, input.handle, TensorType::INPUT, kProgram, replicated));
  }
  for (const Output& output : program.outputs) {
    anchors.push_back(
        AnchorOf(model, output, output.handle, TensorType::OUTPUT, kProgram, replicated));
  }
  for (const Variable& variable : program.variables) {
    anchors.push_back(AnchorOf(model, variable, variable.upload, TensorType::INPUT,
                               variable.upload_program, variable.per_replica));
    if (variable.download.empty()) continue;
    anchors.push_back(AnchorOf(model, variable, variable.download, TensorType::OUTPUT,
                               variable.download_program, variable.per_replica));
  }
  return metadata;
}

// Numbers between -0.4 and 0.4 that differ from tensor to tensor.
std::vector<float> SmallNumbers(const std::string& name, std::size_t count) {
  std::vector<float> numbers(count);
  std::uint32_t state = static_cast<std::uint32_t>(name.size() * 7919 + count);
  for (float& number : numbers) {
    state = state * 1664525U + 1013904223U;
    number = static_cast<float>(state >> 8) / static_cast<float>(1U << 24) * 0.8F - 0.4F;
  }
  return numbers;
}

std::string ValueOf(const ExampleModel& model, const Variable& variable) {
  const std::size_t copies =
      variable.per_replica ? static_cast<std::size_t>(model.replicas) : std::size_t{1};
  if (variable.dtype != "F32") {
    std::string value(variable.Bytes() * copies, '\0');
    for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i + 1);
    return value;
  }
  std::vector<float> floats = {model.learning_rate};
  if (variable.name != "learning_rate") {
    const auto found = model.weights.find(variable.name);
    floats = found != model.weights.end()
                 ? found->second
                 : SmallNumbers(variable.name, variable.Bytes() / sizeof(float));
  }
  if (floats.size() * sizeof(float) != variable.Bytes()) {
    throw std::invalid_argument("weights of " + variable.name + " are " +
                                std::to_string(floats.size()) + " numbers");
  }
  return std::string(reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float));
}

}  // namespace

std::vector<StreamSpec> Parameters(const ExampleModel& model) {
  return {Spec("w_self", "", "F32", {model.features, model.hidden}),
          Spec("w_neighbour", "", "F32", {model.features, model.hidden}),
          Spec("b_hidden", "", "F32", {model.hidden}),
          Spec("w_out", "", "F32", {model.hidden, model.classes}),
          Spec("b_out", "", "F32", {model.classes})};
}

std::string WriteExampleModel(const ExampleModel& model) {
  Program program;
  program.package_hash = kPackageHash;
  program.num_ipus = static_cast<unsigned>(model.replicas);
  program.replicas = model.replicas;
  program.device_iterations = model.device_iterations;
  program.buffering = model.buffering;
  program.main_program = kProgram;
  program.variables = Variables(model);
  program.inputs = Inputs(model);
  program.outputs = Outputs(model);
  program.operations = Operations(model);
  if (model.trains) {
    program.loss = "loss";
    program.learning_rate = "learning_rate";
    for (const StreamSpec& parameter : Parameters(model)) {
      program.parameters.push_back(parameter.name);
    }
  }
  popef::Metadata metadata = MakeMetadata(model, program);
  const std::vector<Variable> variables = program.variables;
  if (model.edit) model.edit(program, metadata);
  std::ostringstream out;
  popef::Writer writer(out);
  writer.writeExecutable(kExecutable, WriteProgram(program));
  writer.write(metadata);
  for (const Variable& variable : variables) {
    if (model.stored && !model.stored(variable.name)) continue;
    popef::TensorDataInfo info;
    info.setName(Rename(model, variable.name));
    info.setTensorInfo(InfoOf(variable, variable.per_replica, model.replicas));
    writer.writeTensorData(info, ValueOf(model, variable));
  }
  if (!model.opaque.empty()) writer.writeOpaqueBlob("poptorch", kExecutable, model.opaque);
  return out.str();
}

ExampleModel ExampleModelFromJson(std::istream& in) {
  const nlohmann::json json = nlohmann::json::parse(in);
  ExampleModel model;
  for (const auto& [name, value] : json.items()) {
    if (name == "nodes")
      value.get_to(model.nodes);
    else if (name == "edges")
      value.get_to(model.edges);
    else if (name == "graphs")
      value.get_to(model.graphs);
    else if (name == "features")
      value.get_to(model.features);
    else if (name == "hidden")
      value.get_to(model.hidden);
    else if (name == "classes")
      value.get_to(model.classes);
    else if (name == "replicas")
      value.get_to(model.replicas);
    else if (name == "device_iterations")
      value.get_to(model.device_iterations);
    else if (name == "buffering")
      value.get_to(model.buffering);
    else if (name == "learning_rate")
      value.get_to(model.learning_rate);
    else if (name == "trains")
      value.get_to(model.trains);
    else if (name == "rng_state")
      value.get_to(model.rng_state);
    else if (name == "keep_loss")
      value.get_to(model.keep_loss);
    else if (name == "opaque")
      value.get_to(model.opaque);
    else if (name == "names")
      value.get_to(model.names);
    else if (name == "weights")
      value.get_to(model.weights);
    else
      throw std::invalid_argument("an example model has no " + name);
  }
  return model;
}

}  // namespace fake_poplar
