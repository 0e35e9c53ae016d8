#include "client/worker/popef_streams.h"

#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

// One input of bytes; the micro-batches of a step are its characters.
StepInputs Step(const char* text) {
  StepInputs step;
  HostTensor tensor;
  tensor.data = reinterpret_cast<const std::byte*>(text);
  tensor.size_bytes = 1;
  step.tensors = {tensor};
  return step;
}

class StagedStepsTest : public ::testing::Test {
 protected:
  char Prefetch(StagedSteps::Stream* stream) {
    char buffer = '?';
    return stream->Prefetch(&buffer) ? buffer : '-';
  }
  char Fetch(StagedSteps::Stream* stream) {
    char buffer = '?';
    stream->Fetch(&buffer);
    return buffer;
  }
};

TEST_F(StagedStepsTest, IterationsComeBeforeReplicas) {
  StagedSteps steps({{"x", 1}}, 2, 3);
  const StepInputs step = Step("abcdef");
  ASSERT_TRUE(steps.Stage(step, nullptr).ok());
  EXPECT_EQ(Fetch(steps.stream(0, 1)), 'b');
  EXPECT_EQ(Fetch(steps.stream(0, 0)), 'a');
  EXPECT_EQ(Fetch(steps.stream(0, 2)), 'c');
  EXPECT_EQ(Fetch(steps.stream(0, 0)), 'd');
  EXPECT_EQ(Fetch(steps.stream(0, 1)), 'e');
}

TEST_F(StagedStepsTest, NothingIsAvailableBeforeItIsStaged) {
  StagedSteps steps({{"x", 1}}, 1, 1);
  StagedSteps::Stream* stream = steps.stream(0, 0);
  EXPECT_EQ(Prefetch(stream), '-');
  const StepInputs first = Step("a");
  ASSERT_TRUE(steps.Stage(first, nullptr).ok());
  EXPECT_EQ(Prefetch(stream), 'a');
  EXPECT_EQ(Prefetch(stream), '-');
  stream->Complete();
  EXPECT_EQ(Prefetch(stream), '-');  // not the same again
  ASSERT_TRUE(steps.Finish().ok());
  EXPECT_EQ(Prefetch(stream), '-');
}

TEST_F(StagedStepsTest, ReadsAheadIntoTheAnnouncedStepOnly) {
  StagedSteps steps({{"x", 1}}, 2, 1);
  StagedSteps::Stream* stream = steps.stream(0, 0);
  const StepInputs first = Step("ab");
  const StepInputs second = Step("cd");
  ASSERT_TRUE(steps.Stage(first, &second).ok());
  for (const char expected : {'a', 'b', 'c', 'd', '-'}) EXPECT_EQ(Prefetch(stream), expected);
  stream->Complete();
  stream->Complete();
  ASSERT_TRUE(steps.Finish().ok());
  ASSERT_TRUE(steps.Stage(second, nullptr).ok());
  EXPECT_EQ(Prefetch(stream), '-');  // all of it was handed out
  stream->Complete();
  stream->Complete();
  EXPECT_TRUE(steps.Finish().ok());
}

TEST_F(StagedStepsTest, WhatIsInvalidatedComesAgain) {
  StagedSteps steps({{"x", 1}}, 2, 1);
  StagedSteps::Stream* stream = steps.stream(0, 0);
  const StepInputs first = Step("ab");
  const StepInputs second = Step("cd");
  ASSERT_TRUE(steps.Stage(first, &second).ok());
  EXPECT_EQ(Prefetch(stream), 'a');
  stream->Complete();
  EXPECT_EQ(Prefetch(stream), 'b');
  EXPECT_EQ(Prefetch(stream), 'c');
  stream->Invalidate();
  EXPECT_EQ(Fetch(stream), 'b');
}

TEST_F(StagedStepsTest, AStarvedStreamGivesZerosAndFailsTheStep) {
  StagedSteps steps({{"x", 1}}, 1, 1);
  StagedSteps::Stream* stream = steps.stream(0, 0);
  const StepInputs first = Step("a");
  ASSERT_TRUE(steps.Stage(first, nullptr).ok());
  EXPECT_EQ(Fetch(stream), 'a');
  stream->Complete();
  EXPECT_EQ(Fetch(stream), '\0');
  stream->Complete();
  EXPECT_THAT(std::string(steps.Finish().message()),
              HasSubstr("input x of replica 0 was read more"));
  steps.Clear();
  ASSERT_TRUE(steps.Stage(first, nullptr).ok());
  EXPECT_EQ(Fetch(stream), 'a');
  stream->Complete();
  EXPECT_TRUE(steps.Finish().ok());
}

// A device that uses a buffer again without asking for it is found out.
TEST_F(StagedStepsTest, MoreArrivalsThanWereHandedOutFailTheStep) {
  StagedSteps steps({{"x", 1}}, 2, 1);
  const StepInputs first = Step("ab");
  ASSERT_TRUE(steps.Stage(first, nullptr).ok());
  EXPECT_EQ(Fetch(steps.stream(0, 0)), 'a');
  steps.stream(0, 0)->Complete();
  steps.stream(0, 0)->Complete();
  EXPECT_FALSE(steps.Finish().ok());
}

TEST_F(StagedStepsTest, AnAnnouncedStepThatNobodyReadMayBeReplaced) {
  StagedSteps steps({{"x", 1}}, 1, 1);
  StagedSteps::Stream* stream = steps.stream(0, 0);
  const StepInputs first = Step("a");
  const StepInputs announced = Step("b");
  const StepInputs other = Step("c");
  ASSERT_TRUE(steps.Stage(first, &announced).ok());
  EXPECT_EQ(Fetch(stream), 'a');
  stream->Complete();
  ASSERT_TRUE(steps.Finish().ok());
  ASSERT_TRUE(steps.Stage(other, nullptr).ok());
  EXPECT_EQ(Fetch(stream), 'c');
}

TEST(OutputSinkTest, KeepsWhatFitsAndCountsTheRest) {
  OutputSink sink(1, 2);
  for (const char value : {'a', 'b', 'c'}) sink.Take(&value);
  EXPECT_EQ(sink.num_values(), 3);
  EXPECT_EQ(static_cast<char>(*sink.value(0)), 'a');
  EXPECT_EQ(static_cast<char>(*sink.value(1)), 'b');
  sink.Clear();
  EXPECT_EQ(sink.num_values(), 0);
}

}  // namespace
}  // namespace graphfeed
