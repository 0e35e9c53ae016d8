#include "client/worker/torchscript_optimizer.h"

#include <string>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "torch/optim/adam.h"
#include "torch/optim/adamw.h"
#include "torch/optim/sgd.h"

namespace graphfeed {
namespace {

using ParameterGroups = std::vector<torch::optim::OptimizerParamGroup>;

std::unique_ptr<torch::optim::OptimizerOptions> Clone(
    const torch::optim::OptimizerOptions& options) {
  return options.clone();
}

// One for each declared prefix, and one for the rest; empty ones are left out.
template <typename Options>
ParameterGroups Divide(const torch::jit::Module& module,
                       const std::vector<ParameterGroup>& declared, const Options& defaults) {
  ParameterGroups groups;
  for (const ParameterGroup& group : declared) {
    auto options = Clone(defaults);
    static_cast<Options&>(*options).weight_decay(group.weight_decay);
    groups.emplace_back(std::vector<torch::Tensor>(), std::move(options));
  }
  groups.emplace_back(std::vector<torch::Tensor>(), Clone(defaults));
  for (const auto& parameter : module.named_parameters()) {
    size_t place = 0;
    while (place < declared.size() && !absl::StartsWith(parameter.name, declared[place].prefix)) {
      ++place;
    }
    groups[place].params().push_back(parameter.value);
  }
  ParameterGroups used;
  for (torch::optim::OptimizerParamGroup& group : groups) {
    if (!group.params().empty()) used.push_back(group);
  }
  return used;
}

bool AnyBeginsWith(const torch::jit::Module& module, const std::string& prefix) {
  for (const auto& parameter : module.named_parameters()) {
    if (absl::StartsWith(parameter.name, prefix)) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<torch::optim::Optimizer>> MakeOptimizer(
    const torch::jit::Module& module, const OptimizerOptions& options,
    const std::vector<ParameterGroup>& groups) {
  if (module.named_parameters().size() == 0) {
    return absl::FailedPreconditionError(
        "the model has no parameters to train; freezing a module drops them");
  }
  for (const ParameterGroup& group : groups) {
    if (!AnyBeginsWith(module, group.prefix)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "graphfeed.json of the model: no parameter begins with \"", group.prefix, "\""));
    }
  }
  if (options.kind == OptimizerOptions::Kind::kSgd) {
    const auto sgd = torch::optim::SGDOptions(options.learning_rate)
                         .momentum(options.momentum)
                         .nesterov(options.nesterov)
                         .weight_decay(options.weight_decay);
    return std::make_unique<torch::optim::SGD>(Divide(module, groups, sgd), sgd);
  }
  const auto betas = std::make_tuple(options.beta1, options.beta2);
  if (options.kind == OptimizerOptions::Kind::kAdam) {
    const auto adam = torch::optim::AdamOptions(options.learning_rate)
                          .betas(betas)
                          .eps(options.epsilon)
                          .weight_decay(options.weight_decay);
    return std::make_unique<torch::optim::Adam>(Divide(module, groups, adam), adam);
  }
  const auto adamw = torch::optim::AdamWOptions(options.learning_rate)
                         .betas(betas)
                         .eps(options.epsilon)
                         .weight_decay(options.weight_decay);
  return std::make_unique<torch::optim::AdamW>(Divide(module, groups, adamw), adamw);
}

}  // namespace graphfeed
