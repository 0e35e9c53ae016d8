#ifndef GRAPHFEED_TESTS_CLIENT_WORKER_POPEF_TEST_H_
#define GRAPHFEED_TESTS_CLIENT_WORKER_POPEF_TEST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/worker/executor.h"
#include "client/worker/popef_executor.h"
#include "gtest/gtest.h"
#include "tests/fake_poplar/example_model.h"

namespace graphfeed {

// The micro-batches of a step of the example model, and the step that points into them.
struct ExampleStep {
  int64_t num_batches = 0;
  std::vector<float> x;
  std::vector<int32_t> edge_index, y, batch;
  std::vector<uint8_t> mask;

  StepInputs Inputs(const fake_poplar::ExampleModel& model) const;
};

// Random micro-batches; the last nodes are padding, and of some micro-batches all are.
ExampleStep RandomStep(const fake_poplar::ExampleModel& model, int64_t num_batches, uint64_t seed);
std::vector<ExampleStep> RandomSteps(const fake_poplar::ExampleModel& model, int64_t count,
                                     int64_t num_batches);
// The micro-batches `begin`..`begin + count`.
ExampleStep Slice(const fake_poplar::ExampleModel& model, const ExampleStep& step, int64_t begin,
                  int64_t count);

// Executors over example models on the fake, whose devices are this test's alone.
class PopefTest : public ::testing::Test {
 protected:
  PopefTest();
  ~PopefTest() override;

  // Writes the model to a file of its own.
  PopefOptions Options(const fake_poplar::ExampleModel& model);
  // Fails the test if there is none.
  std::unique_ptr<Executor> Make(const fake_poplar::ExampleModel& model);
  std::unique_ptr<Executor> MakeLoaded(const fake_poplar::ExampleModel& model);

  const std::string folder_;

 private:
  int num_files_ = 0;
};

// Runs the steps one after the other, announcing each or none. The losses; fails the test if there
// is an error.
std::vector<double> Losses(Executor& executor, const fake_poplar::ExampleModel& model,
                           const std::vector<ExampleStep>& steps, bool announce);

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_CLIENT_WORKER_POPEF_TEST_H_
