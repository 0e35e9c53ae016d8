#include "client/worker/popef_streams.h"

#include <array>
#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

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

// Modes of Poplar in which callbacks come from threads of its own, also between runs.
TEST_F(StagedStepsTest, StreamsMayBeReadFromOtherThreads) {
  constexpr int kSteps = 2000;
  constexpr size_t kReplicas = 2;
  StagedSteps steps({{"x", 1}}, 1, kReplicas);
  const std::string text = "abcdefgh";
  std::array<std::string, kReplicas> read;
  std::array<std::atomic<int>, kReplicas> num_read = {};
  std::vector<std::thread> readers;
  for (size_t replica = 0; replica < kReplicas; ++replica) {
    readers.emplace_back([&, replica] {
      while (read[replica].size() < kSteps) {
        const char value = Prefetch(steps.stream(0, replica));
        if (value == '-') {
          std::this_thread::yield();
          continue;
        }
        read[replica].push_back(value);
        steps.stream(0, replica)->Complete();
        ++num_read[replica];
      }
    });
  }
  const auto step_at = [&](int i) { return Step(text.data() + 2 * (i % 4)); };
  for (int i = 0; i < kSteps; ++i) {
    ASSERT_TRUE(steps.Stage(step_at(i), nullptr).ok());
    while (num_read[0] <= i || num_read[1] <= i) std::this_thread::yield();
    ASSERT_TRUE(steps.Finish().ok());
  }
  for (std::thread& reader : readers) reader.join();
  for (int i = 0; i < kSteps; ++i) {
    ASSERT_EQ(read[0][static_cast<size_t>(i)], text[static_cast<size_t>(2 * (i % 4))]);
    ASSERT_EQ(read[1][static_cast<size_t>(i)], text[static_cast<size_t>(2 * (i % 4) + 1)]);
  }
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
