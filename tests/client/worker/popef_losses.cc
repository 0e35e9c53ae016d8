// popef_losses MODEL < STEPS.json: runs the steps on the model and prints a line of JSON with their
// losses and the state afterwards (hexadecimal). STEPS.json has "shapes" (of the model,
// as fake_popef_model takes them) and "steps": objects of lists x, edge_index, y, mask, batch.

#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/escaping.h"
#include "client/worker/popef_executor.h"
#include "tests/client/worker/popef_test.h"

namespace graphfeed {
namespace {

using Json = nlohmann::json;

int Fail(const absl::Status& status) {
  std::cerr << status << '\n';
  return 1;
}

ExampleStep StepOf(const Json& json, int64_t num_batches) {
  ExampleStep step;
  step.num_batches = num_batches;
  json.at("x").get_to(step.x);
  json.at("edge_index").get_to(step.edge_index);
  json.at("y").get_to(step.y);
  json.at("mask").get_to(step.mask);
  if (json.contains("batch")) json.at("batch").get_to(step.batch);
  return step;
}

int RunSteps(const char* path) {
  const Json input = Json::parse(std::cin);
  std::istringstream shapes(input.at("shapes").dump());
  const fake_poplar::ExampleModel model = fake_poplar::ExampleModelFromJson(shapes);
  PopefOptions options;
  options.model_files = {path};
  auto executor = NewPopefExecutor(options);
  if (!executor.ok()) return Fail(executor.status());
  if (const absl::Status status = (*executor)->Load(); !status.ok()) return Fail(status);
  const int64_t num_batches = (*executor)->description().batches_per_step;
  std::vector<ExampleStep> steps;
  for (const Json& step : input.at("steps")) steps.push_back(StepOf(step, num_batches));
  std::vector<StepInputs> inputs;
  for (const ExampleStep& step : steps) inputs.push_back(step.Inputs(model));
  Json losses = Json::array();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto result =
        (*executor)->Run(inputs[i], i + 1 < inputs.size() ? &inputs[i + 1] : nullptr);
    if (!result.ok()) return Fail(result.status());
    losses.push_back(*result->loss);
  }
  const auto state = (*executor)->SaveState();
  if (!state.ok()) return Fail(state.status());
  std::cout << Json{{"runtime", (*executor)->description().runtime},
                    {"losses", losses},
                    {"state", absl::BytesToHexString(*state)}}
                   .dump()
            << '\n';
  return 0;
}

}  // namespace
}  // namespace graphfeed

int main(int argc, char** argv) { return argc == 2 ? graphfeed::RunSteps(argv[1]) : 2; }
