#include "client/worker/popef_executor.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/worker/popef_device.h"
#include "client/worker/popef_errors.h"
#include "client/worker/popef_loss.h"
#include "client/worker/popef_model.h"
#include "client/worker/popef_state.h"
#include "client/worker/popef_streams.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr char kTrainingOutputs[] =
    "; a step's outputs must come once for each device iteration (PopTorch: output_mode ALL)";

absl::StatusOr<std::map<std::string, std::string>> ParseEngineOptions(const std::string& text) {
  std::map<std::string, std::string> options;
  if (text.empty()) return options;
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return PopefModelError(absl::StrCat("engine options are a JSON object of strings, not ", text));
  }
  for (const auto& [name, value] : json.items()) {
    if (!value.is_string()) {
      return PopefModelError(absl::StrCat("engine option ", name, " is ", value.dump(),
                                          "; a string is expected, as \"", value.dump(), "\""));
    }
    options[name] = value.get<std::string>();
  }
  return options;
}

ModelTensor Describe(const PopefTensor& tensor) {
  ModelTensor described;
  described.name = tensor.name;
  described.dtype = tensor.dtype;
  described.shape = tensor.shape;
  return described;
}

struct FileStamp {
  std::uintmax_t size = 0;
  std::filesystem::file_time_type time;
  bool operator==(const FileStamp& other) const { return size == other.size && time == other.time; }
};

std::vector<FileStamp> Stamps(const std::vector<std::string>& files) {
  std::vector<FileStamp> stamps;
  for (const std::string& file : files) {
    std::error_code error;
    FileStamp stamp;
    stamp.size = std::filesystem::file_size(file, error);
    stamp.time = std::filesystem::last_write_time(file, error);
    stamps.push_back(stamp);
  }
  return stamps;
}

class PopefExecutor : public Executor {
 public:
  PopefExecutor(const PopefOptions& options, PopefModel model, std::optional<size_t> loss,
                std::map<std::string, std::string> engine_options, std::vector<FileStamp> stamps)
      : files_(options.model_files),
        stamps_(std::move(stamps)),
        model_(std::move(model)),
        loss_(loss),
        engine_options_(std::move(engine_options)),
        device_(options) {
    MakeDescription();
    MakeBuffers();
  }

  const ModelDescription& description() const override { return description_; }
  absl::Status Load() override;
  absl::StatusOr<StepResult> Run(const StepInputs& step, const StepInputs* next) override;
  absl::StatusOr<std::string> SaveState() override;
  absl::Status LoadState(const std::string& state) override;
  absl::Status Reset() override;

 private:
  // Buffers that streams write to or read from; also an engine's that hangs.
  struct Buffers {
    std::vector<std::string> weights;              // as model_.weights
    std::vector<std::string> saved;                // as model_.saved
    std::vector<std::vector<OutputSink>> outputs;  // by output, then by replica
  };

  void MakeDescription();
  void MakeBuffers();
  absl::Status Connect();
  absl::Status ConnectWeights(const std::vector<PopefTensor>& tensors,
                              std::vector<std::string> Buffers::*values, bool upload);
  absl::Status CheckLoaded(absl::string_view call) const;
  absl::Status CheckStep(const StepInputs& step, absl::string_view which) const;
  absl::StatusOr<StepResult> Collect(const std::vector<bool>& real) const;
  // kReset becomes kExit for what a reset has not cured.
  absl::Status Escalate(absl::Status status);

  const std::vector<std::string> files_;
  const std::vector<FileStamp> stamps_;  // of the files when they were read
  const PopefModel model_;
  const std::optional<size_t> loss_;
  const std::map<std::string, std::string> engine_options_;
  ModelDescription description_;
  std::shared_ptr<Buffers> buffers_;
  std::shared_ptr<StagedSteps> steps_;
  PopefDevice device_;
  bool has_reset_ = false;  // a reset was asked for that may be asked for once
};

void PopefExecutor::MakeDescription() {
  description_.runtime = PoplarRuntime();
  description_.runtime_version = PoplarVersion();
  description_.sha256 = model_.sha256;
  description_.trains = model_.trains;
  description_.batches_per_step = model_.device_iterations * model_.replicas;
  for (const PopefTensor& input : model_.inputs) description_.inputs.push_back(Describe(input));
  for (size_t i = 0; i < model_.outputs.size(); ++i) {
    if (i != loss_) description_.outputs.push_back(Describe(model_.outputs[i]));
  }
}

void PopefExecutor::MakeBuffers() {
  buffers_ = std::make_shared<Buffers>();
  buffers_->weights = model_.weight_values;
  for (const PopefTensor& saved : model_.saved) {
    buffers_->saved.emplace_back(ValueBytes(model_, saved), '\0');
  }
  for (const PopefTensor& output : model_.outputs) {
    buffers_->outputs.emplace_back(static_cast<size_t>(model_.replicas),
                                   OutputSink(output.size_bytes, model_.device_iterations));
  }
  std::vector<StagedSteps::Input> inputs;
  for (const PopefTensor& input : model_.inputs) inputs.push_back({input.name, input.size_bytes});
  steps_ =
      std::make_shared<StagedSteps>(std::move(inputs), model_.device_iterations, model_.replicas);
}

absl::Status PopefExecutor::Escalate(absl::Status status) {
  if (status.ok() || ActionOf(status) != ErrorAction::kReset) return status;
  const std::string error_class = ErrorClassOf(status);
  if (error_class == "recoverable_ipu_reset") return status;
  if (!std::exchange(has_reset_, true)) return status;
  return ExecutorError(ErrorAction::kExit, error_class, status.code(),
                       absl::StrCat(status.message(), " (a reset has not cured it)"));
}

absl::Status PopefExecutor::CheckLoaded(absl::string_view call) const {
  if (device_.loaded()) return absl::OkStatus();
  return ExecutorError(ErrorAction::kExit, "usage", absl::StatusCode::kFailedPrecondition,
                       absl::StrCat(call, " needs a model that is loaded"));
}

absl::Status PopefExecutor::Load() {
  if (Stamps(files_) != stamps_) {
    return PopefModelError(absl::StrCat("model ", absl::StrJoin(files_, ", "),
                                        " has changed since the worker started"));
  }
  steps_->Clear();
  buffers_->weights = model_.weight_values;
  GF_RETURN_IF_ERROR(device_.Attach(model_));
  GF_RETURN_IF_ERROR(device_.LoadEngine(model_, engine_options_));
  GF_RETURN_IF_ERROR(Connect());
  return Escalate(device_.Run(model_.load_programs, "load"));
}

absl::Status PopefExecutor::Connect() {
  const auto replica_of = [this](size_t replica) {
    return model_.replicas > 1 ? std::optional<unsigned>(static_cast<unsigned>(replica))
                               : std::nullopt;
  };
  for (size_t replica = 0; replica < static_cast<size_t>(model_.replicas); ++replica) {
    for (size_t i = 0; i < model_.inputs.size(); ++i) {
      GF_RETURN_IF_ERROR(device_.ConnectInput(model_.inputs[i].handle, replica_of(replica), steps_,
                                              steps_->stream(i, replica)));
    }
    for (size_t i = 0; i < model_.outputs.size(); ++i) {
      GF_RETURN_IF_ERROR(
          device_.ConnectCallback(model_.outputs[i].handle, replica_of(replica),
                                  [buffers = buffers_, i, replica](void* bytes) noexcept {
                                    buffers->outputs[i][replica].Take(bytes);
                                  }));
    }
  }
  GF_RETURN_IF_ERROR(ConnectWeights(model_.weights, &Buffers::weights, /*upload=*/true));
  return ConnectWeights(model_.saved, &Buffers::saved, /*upload=*/false);
}

absl::Status PopefExecutor::ConnectWeights(const std::vector<PopefTensor>& tensors,
                                           std::vector<std::string> Buffers::*values, bool upload) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    const PopefTensor& tensor = tensors[i];
    // What replicas share goes up once, and comes down from each; the first one's is kept.
    const bool shared_upload = upload && !tensor.per_replica;
    const size_t num_streams = shared_upload ? 1 : static_cast<size_t>(model_.replicas);
    for (size_t replica = 0; replica < num_streams; ++replica) {
      const bool kept = tensor.per_replica || replica == 0;
      const size_t offset = tensor.per_replica ? replica * tensor.size_bytes : 0;
      const auto callback = [buffers = buffers_, values, i, offset, size = tensor.size_bytes,
                             upload, kept](void* bytes) noexcept {
        if (!kept) return;
        char* value = ((*buffers).*values)[i].data() + offset;
        if (upload) {
          std::memcpy(bytes, value, size);
        } else {
          std::memcpy(value, bytes, size);
        }
      };
      const std::optional<unsigned> index =
          shared_upload || model_.replicas == 1
              ? std::nullopt
              : std::optional<unsigned>(static_cast<unsigned>(replica));
      GF_RETURN_IF_ERROR(device_.ConnectCallback(tensor.handle, index, callback));
    }
  }
  return absl::OkStatus();
}

absl::Status PopefExecutor::CheckStep(const StepInputs& step, absl::string_view which) const {
  const auto error = [which](absl::string_view message) {
    return ExecutorError(ErrorAction::kExit, "input", absl::StatusCode::kInvalidArgument,
                         absl::StrCat("the ", which, " step: ", message));
  };
  if (step.num_batches != description_.batches_per_step) {
    return error(absl::StrCat("has ", step.num_batches, " micro-batches; the model takes ",
                              description_.batches_per_step, " (", model_.device_iterations,
                              " device iterations, ", model_.replicas, " replicas)"));
  }
  if (step.tensors.size() != model_.inputs.size()) {
    return error(absl::StrCat("has ", step.tensors.size(), " tensors; the model takes ",
                              model_.inputs.size(), ": ", TensorNames(model_.inputs)));
  }
  for (size_t i = 0; i < step.tensors.size(); ++i) {
    const HostTensor& tensor = step.tensors[i];
    const PopefTensor& input = model_.inputs[i];
    const std::string name = absl::StrCat("input ", input.name);
    if (tensor.data == nullptr) return error(absl::StrCat(name, " is left out"));
    if (tensor.dtype != *input.dtype) {
      return error(absl::StrCat(name, " is ", DTypeName(tensor.dtype), "; the model takes ",
                                DTypeName(*input.dtype)));
    }
    if (tensor.shape != input.shape || tensor.size_bytes != input.size_bytes) {
      return error(absl::StrCat(name, " has shape [", absl::StrJoin(tensor.shape, ", "), "], ",
                                tensor.size_bytes, " bytes; the model takes [",
                                absl::StrJoin(input.shape, ", "), "], ", input.size_bytes,
                                " bytes"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<StepResult> PopefExecutor::Run(const StepInputs& step, const StepInputs* next) {
  GF_RETURN_IF_ERROR(CheckLoaded("Run"));
  GF_RETURN_IF_ERROR(CheckStep(step, "current"));
  if (next != nullptr) GF_RETURN_IF_ERROR(CheckStep(*next, "next"));
  GF_RETURN_IF_ERROR(Escalate(steps_->Stage(step, next)));
  for (std::vector<OutputSink>& sinks : buffers_->outputs) {
    for (OutputSink& sink : sinks) sink.Clear();
  }
  const absl::Time start = absl::Now();
  GF_RETURN_IF_ERROR(Escalate(device_.Run(model_.main_programs, "step")));
  const absl::Duration took = absl::Now() - start;
  GF_RETURN_IF_ERROR(Escalate(steps_->Finish()));
  absl::StatusOr<StepResult> result = Collect(step.real);
  if (!result.ok()) return Escalate(result.status());
  result->device_seconds = absl::ToDoubleSeconds(took);
  return result;
}

absl::StatusOr<StepResult> PopefExecutor::Collect(const std::vector<bool>& real) const {
  StepResult result;
  const auto error = [](absl::string_view message) {
    return ExecutorError(ErrorAction::kReset, "streams", absl::StatusCode::kInternal, message);
  };
  for (size_t i = 0; i < model_.outputs.size(); ++i) {
    const PopefTensor& output = model_.outputs[i];
    const bool is_loss = i == loss_;
    if (!is_loss && model_.trains) continue;
    const std::vector<OutputSink>& sinks = buffers_->outputs[i];
    // A loss may come once for a step: the last one, or the sum's mean over the iterations.
    const int64_t num_values = sinks[0].num_values();
    for (const OutputSink& sink : sinks) {
      if (sink.num_values() != num_values || num_values < 1 ||
          num_values > model_.device_iterations ||
          (!is_loss && num_values != model_.device_iterations)) {
        return error(absl::StrCat("output ", output.name, " came ", sink.num_values(),
                                  " times in a step of ", model_.device_iterations,
                                  " device iterations", is_loss ? "" : kTrainingOutputs));
      }
    }
    OutputTensor tensor;
    for (int64_t value = 0; value < num_values; ++value) {
      for (const OutputSink& sink : sinks) {
        tensor.data.insert(tensor.data.end(), sink.value(value),
                           sink.value(value) + output.size_bytes);
      }
    }
    if (!is_loss) {
      tensor.name = output.name;
      tensor.dtype = *output.dtype;
      tensor.shape = output.shape;
      result.outputs.push_back(std::move(tensor));
      continue;
    }
    result.loss = MeanOf(*output.dtype, tensor.data, real);
  }
  return result;
}

absl::StatusOr<std::string> PopefExecutor::SaveState() {
  GF_RETURN_IF_ERROR(CheckLoaded("SaveState"));
  GF_RETURN_IF_ERROR(Escalate(device_.Run(model_.save_programs, "save")));
  // What only goes up (a learning rate) is as it was sent.
  for (size_t i = 0; i < model_.weights.size(); ++i) {
    for (size_t k = 0; k < model_.saved.size(); ++k) {
      if (model_.saved[k].name == model_.weights[i].name) {
        buffers_->weights[i] = buffers_->saved[k];
      }
    }
  }
  return WritePopefState(model_, buffers_->weights);
}

absl::Status PopefExecutor::LoadState(const std::string& state) {
  GF_RETURN_IF_ERROR(CheckLoaded("LoadState"));
  GF_ASSIGN_OR_RETURN(buffers_->weights, ReadPopefState(model_, state));
  return Escalate(device_.Run(model_.load_programs, "load"));
}

absl::Status PopefExecutor::Reset() {
  steps_->Clear();
  return device_.Reset();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Executor>> NewPopefExecutor(const PopefOptions& options) {
  std::vector<FileStamp> stamps = Stamps(options.model_files);
  GF_ASSIGN_OR_RETURN(PopefModel model, ReadPopefModel(options.model_files, options.seed));
  GF_ASSIGN_OR_RETURN(const std::optional<size_t> loss, FindPopefLoss(model, options.loss));
  GF_ASSIGN_OR_RETURN(auto engine_options, ParseEngineOptions(options.engine_options));
  return std::make_unique<PopefExecutor>(options, std::move(model), loss, std::move(engine_options),
                                         std::move(stamps));
}

}  // namespace graphfeed
