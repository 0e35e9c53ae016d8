#include "client/worker/checkpoint.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "client/worker/loss_plot.h"
#include "client/worker/model_file.h"
#include "client/worker/model_interface.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() {
    std::string pattern = testing::TempDir() + "/checkpoint_XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~CheckpointTest() override { std::filesystem::remove_all(folder_); }

  static Checkpoint At(int64_t steps) {
    Checkpoint checkpoint;
    checkpoint.dataset = "d@1";
    checkpoint.fingerprint = "00ff";
    checkpoint.seed = 0xfedcba9876543210;
    checkpoint.position = {2, steps};
    checkpoint.num_shards = 2;
    checkpoint.shard_index = 1;
    checkpoint.totals.steps = steps;
    checkpoint.totals.real_nodes = 17 * steps;
    checkpoint.state = std::string("weights \0 of step ", 18) + std::to_string(steps);
    return checkpoint;
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  std::string folder_;
};

TEST_F(CheckpointTest, WhatIsSavedIsReadAgain) {
  const Checkpoint saved = At(5);
  ASSERT_TRUE(WriteCheckpoint(saved, Path("c")).ok());
  const auto read = ReadCheckpoint(Path("c"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->state, saved.state);
  EXPECT_EQ(read->position, saved.position);
  EXPECT_EQ(read->totals, saved.totals);
  EXPECT_EQ(read->seed, saved.seed);
  EXPECT_EQ(read->shard_index, 1);
  EXPECT_EQ(read->fingerprint, "00ff");
}

TEST_F(CheckpointTest, EveryDamagedByteIsNoticed) {
  ASSERT_TRUE(WriteCheckpoint(At(5), Path("c")).ok());
  std::string bytes;
  {
    std::ifstream file(Path("c"), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  const auto read = [&](const std::string& content) {
    std::ofstream(Path("d"), std::ios::binary) << content;
    return ReadCheckpoint(Path("d")).status();
  };
  EXPECT_TRUE(read(bytes).ok());
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    EXPECT_EQ(read(damaged).code(), absl::StatusCode::kDataLoss) << i;
    EXPECT_EQ(read(bytes.substr(0, i)).code(), absl::StatusCode::kDataLoss) << i;
  }
}

TEST_F(CheckpointTest, TheNewestAreKept) {
  auto folder = CheckpointFolder::Open(folder_, 2);
  ASSERT_TRUE(folder.ok()) << folder.status();
  for (const int64_t steps : {1, 2, 10}) ASSERT_TRUE((*folder)->Save(At(steps)).ok());
  EXPECT_THAT(Files(), testing::ElementsAre("checkpoint-000000000002.gfc",
                                            "checkpoint-000000000010.gfc", "lock"));
  std::vector<std::string> warnings;
  EXPECT_EQ((**(*folder)->LoadNewest(warnings)).totals.steps, 10);
  // A run that went on from an older one.
  ASSERT_TRUE((*folder)->Save(At(3)).ok());
  EXPECT_EQ((**(*folder)->LoadNewest(warnings)).totals.steps, 3);
  EXPECT_THAT(warnings, SizeIs(0));
}

TEST_F(CheckpointTest, AnOlderOneStandsInForOneThatIsDamaged) {
  auto folder = CheckpointFolder::Open(folder_, 3);
  ASSERT_TRUE((*folder)->Save(At(1)).ok());
  ASSERT_TRUE((*folder)->Save(At(2)).ok());
  std::filesystem::resize_file(Path("checkpoint-000000000002.gfc"), 60);
  std::vector<std::string> warnings;
  EXPECT_EQ((**(*folder)->LoadNewest(warnings)).totals.steps, 1);
  ASSERT_THAT(warnings, SizeIs(1));
  EXPECT_THAT(warnings[0], HasSubstr("checkpoint-000000000002.gfc"));
  std::filesystem::resize_file(Path("checkpoint-000000000001.gfc"), 10);
  EXPECT_EQ((*folder)->LoadNewest(warnings).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(CheckpointTest, AFolderIsOfOneWorkerAndLeftoversGo) {
  std::ofstream(Path("checkpoint-000000000007.gfc.tmp")) << "half";
  auto folder = CheckpointFolder::Open(folder_, 3);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_THAT(Files(), testing::ElementsAre("lock"));
  const auto second = CheckpointFolder::Open(folder_, 3);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(CheckpointFolder::OpenToRead(folder_).ok());
  EXPECT_EQ(CheckpointFolder::OpenToRead(folder_ + "/none").status().code(),
            absl::StatusCode::kNotFound);
  folder->reset();
  EXPECT_TRUE(CheckpointFolder::Open(folder_, 3).ok());
}

TEST_F(CheckpointTest, AFolderThatCannotBeIsAnError) {
  std::ofstream(Path("file")) << "";
  EXPECT_FALSE(CheckpointFolder::Open(Path("file/below"), 3).ok());
  EXPECT_FALSE(WriteCheckpoint(At(1), Path("nowhere/c")).ok());
}

TEST_F(CheckpointTest, AModelIsWhatWasHashed) {
  std::ofstream(Path("model")) << "abc";
  const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  const auto file = ReadModelFile(Path("model"), "");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->sha256, abc);
  EXPECT_TRUE(ReadModelFile(Path("model"), abc).ok());
  const auto other = ReadModelFile(Path("model"), std::string(64, '0'));
  EXPECT_EQ(other.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr(abc));
  EXPECT_EQ(ReadModelFile(Path("none"), "").status().code(), absl::StatusCode::kNotFound);
}

TEST(ModelInterfaceTest, InputsOutputsAndGroupsAreRead) {
  const auto model = ParseModelInterface(R"({"version": 1,
      "inputs": [{"name": "x", "dtype": "float16", "shape": [null, 7], "optional": true}],
      "outputs": [{"name": "out", "axis": "nodes", "store": "movie"}],
      "param_groups": [{"prefix": "conv1.", "weight_decay": 5e-4}]})");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->inputs[0].dtype, DType::kFloat16);
  EXPECT_EQ(model->inputs[0].shape, std::vector<int64_t>({-1, 7}));
  EXPECT_TRUE(model->inputs[0].optional);
  EXPECT_EQ(model->outputs[0].store, "movie");
  EXPECT_EQ(model->groups[0].weight_decay, 5e-4);
}

TEST(ModelInterfaceTest, ErrorsNameTheField) {
  const auto error = [](const char* text) {
    return std::string(ParseModelInterface(text).status().message());
  };
  EXPECT_THAT(error("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(error(R"({"inputs": [{"name": "x", "dtype": "float"}]})"),
              HasSubstr("inputs[0].dtype is \"float\": not a dtype"));
  EXPECT_THAT(error(R"({"inputs": [{"name": "x", "shape": [1.5]}]})"),
              HasSubstr("inputs[0].shape"));
  EXPECT_THAT(error(R"({"outputs": [{"name": "x", "axis": "edges"}]})"),
              HasSubstr("not graphs or nodes"));
  EXPECT_THAT(error(R"({"param_groups": [{"prefix": "a"}]})"), HasSubstr("param_groups[0]"));
}

TEST(LossPlotTest, LossesThatAreNotFiniteAreGaps) {
  const std::string svg = LossPlotSvg({{1, 2.0}, {2, 1.0}, {3, NAN}, {4, 0.5}}, "a <b>");
  EXPECT_THAT(svg, HasSubstr("a &lt;b&gt;"));
  EXPECT_THAT(svg,
              testing::ContainsRegex("d=\"M[0-9.]+ [0-9.]+L[0-9.]+ [0-9.]+M[0-9.]+ [0-9.]+\""));
  EXPECT_THAT(LossPlotSvg({}, ""), HasSubstr("</svg>"));
}

}  // namespace
}  // namespace graphfeed
