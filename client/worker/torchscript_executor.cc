#include "client/worker/torchscript_executor.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <map>
#include <sstream>
#include <utility>

#include "ATen/CPUGeneratorImpl.h"
#include "ATen/Parallel.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/worker/model_file.h"
#include "client/worker/model_interface.h"
#include "client/worker/torchscript_optimizer.h"
#include "storage/base/status_macros.h"
#include "torch/script.h"
#include "torch/serialize/archive.h"
#include "torch/version.h"

namespace graphfeed {
namespace {

constexpr char kInterfaceFile[] = "graphfeed.json";

absl::StatusOr<torch::ScalarType> TorchType(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return torch::kBool;
    case DType::kUint8:
      return torch::kUInt8;
    case DType::kInt8:
      return torch::kInt8;
    case DType::kInt16:
      return torch::kInt16;
    case DType::kInt32:
      return torch::kInt32;
    case DType::kInt64:
      return torch::kInt64;
    case DType::kFloat16:
      return torch::kFloat16;
    case DType::kFloat32:
      return torch::kFloat32;
    case DType::kFloat64:
      return torch::kFloat64;
    case DType::kString:
      break;
  }
  return absl::InvalidArgumentError(absl::StrCat("torch has no ", DTypeName(dtype)));
}

absl::StatusOr<DType> FromTorchType(torch::ScalarType type) {
  for (const DType dtype : {DType::kBool, DType::kUint8, DType::kInt8, DType::kInt16, DType::kInt32,
                            DType::kInt64, DType::kFloat16, DType::kFloat32, DType::kFloat64}) {
    if (*TorchType(dtype) == type) return dtype;
  }
  return absl::UnimplementedError(
      absl::StrCat("an output of dtype ", torch::toString(type), " is not written"));
}

// Errors of the model itself: another attempt would end the same way.
absl::Status ModelError(absl::string_view what, const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  return ExecutorError(
      ErrorAction::kExit, "model", absl::StatusCode::kInternal,
      absl::StrCat(what, ": ",
                   torch_error != nullptr ? torch_error->what_without_backtrace() : error.what()));
}

// Runs `work`, whose exceptions become errors.
template <typename Work>
auto Guarded(absl::string_view what, Work&& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& error) {
    return ModelError(what, error);
  }
}

class TorchscriptExecutor final : public Executor {
 public:
  TorchscriptExecutor(TorchscriptOptions options, ModelFile file)
      : options_(std::move(options)), file_(std::move(file)) {}

  // What can be refused before a device is needed.
  absl::Status Describe() {
    GF_ASSIGN_OR_RETURN(torch::jit::Module module, Read(&interface_));
    description_.runtime = "torchscript";
    description_.runtime_version = TORCH_VERSION;
    description_.sha256 = file_.sha256;
    description_.trains = options_.train;
    description_.outputs = interface_.outputs;
    const auto method = module.find_method("forward");
    if (!method.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(options_.model, " has no method forward"));
    }
    std::map<std::string, const ModelTensor*> declared;
    for (const ModelTensor& input : interface_.inputs) declared[input.name] = &input;
    const std::vector<c10::Argument>& arguments = method->function().getSchema().arguments();
    for (size_t i = 1; i < arguments.size(); ++i) {  // the first is the module
      const c10::Argument& argument = arguments[i];
      const auto found = declared.find(argument.name());
      ModelTensor input;
      if (found != declared.end()) {
        input = *found->second;
        declared.erase(found);
      }
      input.name = argument.name();
      input.optional = input.optional || argument.default_value().has_value();
      description_.inputs.push_back(std::move(input));
    }
    if (!declared.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(options_.model, ": ", kInterfaceFile,
                                                     " has an input ", declared.begin()->first,
                                                     ", which forward does not take"));
    }
    return absl::OkStatus();
  }

  const ModelDescription& description() const override { return description_; }

  absl::Status Load() override {
    if (options_.num_threads > 0) at::set_num_threads(options_.num_threads);
    GF_ASSIGN_OR_RETURN(module_, Read(nullptr));
    return Guarded("loading the model", [this]() -> absl::Status {
      torch::manual_seed(options_.seed);
      if (!options_.train) {
        module_.eval();
        return absl::OkStatus();
      }
      module_.train();
      GF_ASSIGN_OR_RETURN(optimizer_,
                          MakeOptimizer(module_, options_.optimizer, interface_.groups));
      return absl::OkStatus();
    });
  }

  absl::StatusOr<StepResult> Run(const StepInputs& step, const StepInputs* /*next*/) override {
    const auto start = std::chrono::steady_clock::now();
    absl::StatusOr<StepResult> result =
        Guarded("running the model", [&] { return options_.train ? Train(step) : Infer(step); });
    if (result.ok()) {
      result->device_seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    return result;
  }

  absl::StatusOr<std::string> SaveState() override {
    return Guarded("saving the weights", [this]() -> absl::StatusOr<std::string> {
      torch::serialize::OutputArchive archive;
      ForEachTensor([&](const std::string& name, const torch::Tensor& tensor, bool is_buffer) {
        archive.write(name, tensor, is_buffer);
      });
      if (optimizer_ != nullptr) {
        torch::serialize::OutputArchive optimizer(archive.compilation_unit());
        optimizer_->save(optimizer);
        archive.write(kOptimizer, optimizer);
        archive.write(kOptimizerKind, torch::IValue(static_cast<int64_t>(options_.optimizer.kind)));
        archive.write(kRandom, torch::IValue(Generator().get_state()));
      }
      std::ostringstream bytes;
      archive.save_to(bytes);
      return std::move(bytes).str();
    });
  }

  absl::Status LoadState(const std::string& state) override {
    return Guarded("restoring the weights", [&]() -> absl::Status {
      std::istringstream bytes(state);
      torch::serialize::InputArchive archive;
      archive.load_from(bytes);
      absl::Status status;
      const torch::NoGradGuard no_grad;
      ForEachTensor([&](const std::string& name, const torch::Tensor& tensor, bool is_buffer) {
        torch::Tensor stored;
        if (!status.ok()) return;
        if (!archive.try_read(name, stored, is_buffer)) {
          status = WrongState(absl::StrCat("has no ", name));
        } else if (stored.sizes() != tensor.sizes() ||
                   stored.scalar_type() != tensor.scalar_type()) {
          status = WrongState(absl::StrCat(name, " has another shape or dtype"));
        } else {
          tensor.copy_(stored);
        }
      });
      GF_RETURN_IF_ERROR(status);
      torch::serialize::InputArchive optimizer;
      // Weights that were trained can be run without their optimizer.
      if (optimizer_ == nullptr) return absl::OkStatus();
      if (!archive.try_read(kOptimizer, optimizer)) return WrongState("has no optimizer's state");
      torch::IValue kind;
      archive.read(kOptimizerKind, kind);
      const auto own = static_cast<int64_t>(options_.optimizer.kind);
      if (kind.toInt() != own) {
        return WrongState(absl::StrCat("is of the optimizer ", kOptimizers[kind.toInt()], ", not ",
                                       kOptimizers[own]));
      }
      optimizer_->load(optimizer);
      torch::IValue random;
      archive.read(kRandom, random);
      Generator().set_state(random.toTensor());
      return absl::OkStatus();
    });
  }

  absl::Status Reset() override {
    optimizer_.reset();
    module_ = torch::jit::Module();
    return absl::OkStatus();
  }

 private:
  static constexpr char kOptimizer[] = "graphfeed_optimizer";
  static constexpr char kOptimizerKind[] = "graphfeed_optimizer_kind";
  static constexpr const char* kOptimizers[] = {"sgd", "adam", "adamw"};  // by kind
  static constexpr char kRandom[] = "graphfeed_random";

  static at::Generator Generator() { return at::detail::getDefaultCPUGenerator(); }

  static absl::Status WrongState(absl::string_view what) {
    return ExecutorError(
        ErrorAction::kExit, "state", absl::StatusCode::kFailedPrecondition,
        absl::StrCat("the weights are not those of this model: the checkpoint's state ", what));
  }

  absl::StatusOr<torch::jit::Module> Read(ModelInterface* interface) const {
    torch::jit::ExtraFilesMap extra = {{kInterfaceFile, ""}};
    torch::jit::Module module;
    try {
      std::istringstream bytes(file_.bytes);
      module = torch::jit::load(bytes, torch::kCPU, extra);
    } catch (const std::exception& error) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", options_.model, "\" is no TorchScript archive that libtorch ",
                       TORCH_VERSION, " reads: ", ModelError("load", error).message()));
    }
    if (interface != nullptr && !extra[kInterfaceFile].empty()) {
      GF_ASSIGN_OR_RETURN(*interface, ParseModelInterface(extra[kInterfaceFile]));
    }
    return module;
  }

  // Parameters and buffers by their names.
  template <typename Visit>
  void ForEachTensor(Visit&& visit) const {
    for (const auto& parameter : module_.named_parameters()) {
      visit(parameter.name, parameter.value, false);
    }
    for (const auto& buffer : module_.named_buffers()) visit(buffer.name, buffer.value, true);
  }

  // forward's outputs of one micro-batch, by name.
  absl::StatusOr<std::vector<std::pair<std::string, torch::Tensor>>> Forward(const StepInputs& step,
                                                                             int64_t batch) {
    std::unordered_map<std::string, torch::IValue> arguments;
    for (size_t i = 0; i < step.tensors.size(); ++i) {
      const HostTensor& tensor = step.tensors[i];
      if (tensor.data == nullptr) continue;
      GF_ASSIGN_OR_RETURN(const torch::ScalarType type, TorchType(tensor.dtype));
      void* data =
          const_cast<std::byte*>(tensor.data) + static_cast<size_t>(batch) * tensor.size_bytes;
      arguments.emplace(description_.inputs[i].name, torch::from_blob(data, tensor.shape, type));
    }
    const torch::IValue value = module_.forward({}, arguments);
    std::vector<std::pair<std::string, torch::Tensor>> outputs;
    if (value.isTensor()) {
      outputs.emplace_back("out", value.toTensor());
    } else if (value.isGenericDict()) {
      for (const auto& item : value.toGenericDict()) {
        outputs.emplace_back(item.key().toStringRef(), item.value().toTensor());
      }
    } else {
      return absl::InvalidArgumentError(absl::StrCat(
          "forward returned ", value.tagKind(), ": not a tensor or a dict of tensors by name"));
    }
    return outputs;
  }

  // The loss of a micro-batch, which can be differentiated.
  absl::StatusOr<torch::Tensor> Loss(const StepInputs& step, int64_t batch) {
    GF_ASSIGN_OR_RETURN(const auto outputs, Forward(step, batch));
    std::vector<std::string> names;
    torch::Tensor loss;
    for (const auto& [name, tensor] : outputs) {
      names.push_back(name);
      if (name == "loss" || (outputs.size() == 1 && tensor.dim() == 0)) loss = tensor;
    }
    const auto wrong = [&](absl::string_view what) {
      return ExecutorError(ErrorAction::kExit, "model", absl::StatusCode::kFailedPrecondition,
                           absl::StrCat("training needs a loss: ", what));
    };
    if (!loss.defined()) {
      return wrong(absl::StrCat("forward gave ", absl::StrJoin(names, ", "), ", but no \"loss\""));
    }
    std::ostringstream kind;
    kind << loss.scalar_type() << " of shape " << loss.sizes();
    if (loss.numel() != 1)
      return wrong(absl::StrCat("\"loss\" is ", kind.str(), ", not one number"));
    if (!loss.requires_grad()) {
      return wrong(absl::StrCat("\"loss\" (", kind.str(), ") does not depend on a parameter"));
    }
    return loss;
  }

  // Micro-batches that are all padding count nothing; without any other nothing is changed.
  absl::StatusOr<StepResult> Train(const StepInputs& step) {
    const int64_t accumulate = options_.accumulate > 0 ? options_.accumulate : step.num_batches;
    StepResult result;
    double sum = 0;
    int64_t num_real = 0;
    for (int64_t first = 0; first < step.num_batches; first += accumulate) {
      std::vector<int64_t> batches;
      for (int64_t batch = first; batch < std::min(first + accumulate, step.num_batches); ++batch) {
        if (step.real.empty() || step.real[static_cast<size_t>(batch)]) batches.push_back(batch);
      }
      if (batches.empty()) continue;
      optimizer_->zero_grad();
      bool finite = true;
      for (const int64_t batch : batches) {
        GF_ASSIGN_OR_RETURN(const torch::Tensor loss, Loss(step, batch));
        const double value = loss.item<double>();
        sum += value;
        ++num_real;
        finite = finite && std::isfinite(value);
        if (finite) (loss / static_cast<double>(batches.size())).backward();
      }
      if (finite) optimizer_->step();
    }
    if (num_real > 0) result.loss = sum / static_cast<double>(num_real);
    return result;
  }

  absl::StatusOr<StepResult> Infer(const StepInputs& step) {
    const torch::InferenceMode inference;
    StepResult result;
    double sum = 0;
    int64_t num_losses = 0;
    for (int64_t batch = 0; batch < step.num_batches; ++batch) {
      const bool real = step.real.empty() || step.real[static_cast<size_t>(batch)];
      GF_ASSIGN_OR_RETURN(const auto outputs, Forward(step, batch));
      size_t place = 0;
      for (const auto& [name, tensor] : outputs) {
        if (name == "loss" && tensor.numel() == 1) {
          if (real) sum += tensor.item<double>();
          if (real) result.loss = sum / static_cast<double>(++num_losses);
          continue;
        }
        const torch::Tensor values = tensor.contiguous();
        GF_ASSIGN_OR_RETURN(const DType dtype, FromTorchType(values.scalar_type()));
        std::vector<int64_t> shape(values.sizes().begin(), values.sizes().end());
        if (batch == 0) result.outputs.push_back({name, dtype, shape, {}});
        const bool same = place < result.outputs.size() && result.outputs[place].name == name &&
                          result.outputs[place].dtype == dtype &&
                          result.outputs[place].shape == shape;
        if (!same) return OtherOutputs(name);
        std::vector<std::byte>& data = result.outputs[place++].data;
        const auto* bytes = static_cast<const std::byte*>(values.data_ptr());
        data.insert(data.end(), bytes, bytes + values.nbytes());
      }
      if (place != result.outputs.size()) return OtherOutputs(result.outputs[place].name);
    }
    return result;
  }

  static absl::Status OtherOutputs(const std::string& name) {
    return ExecutorError(ErrorAction::kExit, "model", absl::StatusCode::kFailedPrecondition,
                         absl::StrCat("the outputs of two micro-batches differ: ", name,
                                      " is missing in one, or has another dtype, shape or place"));
  }

  const TorchscriptOptions options_;
  const ModelFile file_;
  ModelInterface interface_;
  ModelDescription description_;
  torch::jit::Module module_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Executor>> NewTorchscriptExecutor(
    const TorchscriptOptions& options) {
  GF_ASSIGN_OR_RETURN(ModelFile file, ReadModelFile(options.model, options.sha256));
  auto executor = std::make_unique<TorchscriptExecutor>(options, std::move(file));
  GF_RETURN_IF_ERROR(executor->Describe());
  return executor;
}

}  // namespace graphfeed
