// What is read of PopEF files, and which files are refused.

#include <fstream>

#include "client/worker/popef_executor.h"
#include "fake_poplar/control.hpp"
#include "gmock/gmock.h"
#include "tests/client/worker/popef_test.h"

namespace graphfeed {
namespace {

using fake_poplar::ExampleModel;
using fake_poplar::Program;
using popef::Metadata;
using ::testing::HasSubstr;

class PopefModelTest : public PopefTest {
 protected:
  void ExpectRefused(const PopefOptions& options, const std::string& part) {
    const auto executor = NewPopefExecutor(options);
    ASSERT_FALSE(executor.ok());
    EXPECT_EQ(executor.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ErrorClassOf(executor.status()), "model");
    EXPECT_EQ(ActionOf(executor.status()), ErrorAction::kExit);
    EXPECT_THAT(std::string(executor.status().message()), HasSubstr(part));
  }
  void ExpectRefused(const ExampleModel& model, const std::string& part) {
    ExpectRefused(Options(model), part);
  }
  // Edits the metadata of a model with `replicas` replicas.
  void ExpectMetadataRefused(const std::function<void(Metadata&)>& edit, const std::string& part,
                             int64_t replicas = 1) {
    ExampleModel model;
    model.replicas = replicas;
    model.edit = [&](Program&, Metadata& metadata) { edit(metadata); };
    ExpectRefused(model, part);
  }
};

popef::Anchor& AnchorOf(Metadata& metadata, const std::string& name, popef::TensorType type) {
  for (popef::Anchor& anchor : metadata.anchors()) {
    if (anchor.name() == name && anchor.type() == type) return anchor;
  }
  throw std::runtime_error("no anchor " + name);
}

popef::Anchor& Input(Metadata& metadata, const std::string& name) {
  return AnchorOf(metadata, name, popef::TensorType::INPUT);
}

TEST_F(PopefModelTest, FilesThatAreNone) {
  PopefOptions options;
  ExpectRefused(options, "no model file is named");
  options.model_files = {folder_ + "/absent"};
  ExpectRefused(options, "/absent cannot be read");
  options = Options(ExampleModel());
  std::ofstream(options.model_files[0]) << "PK\x03\x04 a zip file";
  ExpectRefused(options, "is not a PopEF file");
  std::ofstream(options.model_files[0]) << "";
  ExpectRefused(options, "is not a PopEF file");
}

TEST_F(PopefModelTest, TruncatedFiles) {
  const std::string bytes = WriteExampleModel(ExampleModel());
  const PopefOptions options = Options(ExampleModel());
  for (const size_t size : {size_t{1}, size_t{40}, bytes.size() / 2, bytes.size() - 1}) {
    std::ofstream(options.model_files[0], std::ios::binary) << bytes.substr(0, size);
    EXPECT_FALSE(NewPopefExecutor(options).ok()) << size;
  }
}

TEST_F(PopefModelTest, SeveralFilesAreOneModel) {
  const std::string bytes = WriteExampleModel(ExampleModel());
  const size_t cut = bytes.find("FAKEPOPEF1 DATA_TENSOR");
  PopefOptions options = Options(ExampleModel());
  const std::string whole = (*NewPopefExecutor(options))->description().sha256;
  options.model_files = {folder_ + "/program", folder_ + "/weights"};
  std::ofstream(options.model_files[0], std::ios::binary) << bytes.substr(0, cut);
  std::ofstream(options.model_files[1], std::ios::binary) << bytes.substr(cut);
  auto executor = NewPopefExecutor(options);
  ASSERT_TRUE(executor.ok()) << executor.status();
  EXPECT_EQ((*executor)->description().sha256, whole);
  EXPECT_TRUE((*executor)->Load().ok());
  options.model_files.pop_back();
  ExpectRefused(options, "tensor w_self is loaded before the first step, but the file holds no");
  options.model_files = {folder_ + "/program", folder_ + "/program", folder_ + "/weights"};
  ExpectRefused(options, "there are 2 blobs of metadata and 2 executables");
}

TEST_F(PopefModelTest, SerialisedPythonIsNeverRead) {
  ExampleModel model;
  model.opaque = "cos\nsystem\n(S'false'\ntR.";
  const auto executor = MakeLoaded(model);
  const ExampleStep step = RandomStep(model, 1, 1);
  EXPECT_TRUE(executor->Run(step.Inputs(model), nullptr).ok());
  EXPECT_TRUE(executor->SaveState().ok());
  EXPECT_EQ(fake_poplar::GetCounts().opaque_reads, 0);
}

TEST_F(PopefModelTest, ModelsOfSeveralProcesses) {
  ExpectMetadataRefused([](Metadata& m) { m.setNumProcesses(2); },
                        "compiled for 2 processes; a worker is one process");
}

TEST_F(PopefModelTest, WeightsInRemoteBuffers) {
  ExpectMetadataRefused(
      [](Metadata& m) {
        popef::Anchor& anchor = Input(m, "w_out");
        anchor.setType(popef::TensorType::UNKNOWN);
        anchor.setHandle("");
      },
      "tensor w_out has no stream");
}

TEST_F(PopefModelTest, StreamsThatAreTooLarge) {
  ExampleModel model;
  model.nodes = (int64_t{128} << 20) / 12 + 1;
  ExpectRefused(model, "bytes; a stream holds at most 134217728");
}

TEST_F(PopefModelTest, NumbersThatCannotBe) {
  ExpectMetadataRefused([](Metadata& m) { m.setDeviceIterations(0); }, "device iterations (0)");
  ExpectMetadataRefused([](Metadata& m) { m.setNumIpus(3); },
                        "3 IPUs cannot be shared evenly by 2 replicas", 2);
  ExpectMetadataRefused([](Metadata& m) { m.programFlow().setMain({}); }, "no main program");
  ExpectMetadataRefused([](Metadata& m) { m.setExecutable("18"); },
                        "the metadata belong to executable 18, and the file holds 17");
}

TEST_F(PopefModelTest, TensorsThatNoBatchHas) {
  const auto retype = [](popef::DataType type) {
    return [type](Metadata& m) { Input(m, "x").tensorInfo().setDataType(type); };
  };
  ExpectMetadataRefused(retype(popef::DataType::U32), "tensor x has element type U32");
  ExpectMetadataRefused(retype(popef::DataType::F8), "tensor x has an element type");
  ExpectMetadataRefused(
      [](Metadata& m) {
        popef::Anchor& anchor = Input(m, "x");
        anchor.setIsPerReplica(false);
        anchor.tensorInfo().setShape({6, 3});
      },
      "tensor x is shared by all 2 replicas", 2);
  ExpectMetadataRefused(
      [](Metadata& m) {
        Input(m, "x").tensorInfo().setShape({4, 6, 3});
      },
      "tensor x has shape [4, 6, 3], but one value for each of 2 replicas", 2);
  ExpectMetadataRefused([](Metadata& m) { Input(m, "y").setName("x"); }, "two inputs are called x");
}

TEST_F(PopefModelTest, WeightsThatDoNotFitTheirValues) {
  ExpectMetadataRefused(
      [](Metadata& m) {
        for (popef::Anchor& anchor : m.anchors()) {
          if (anchor.name() == "b_out") anchor.tensorInfo().setShape({3});
        }
      },
      "tensor b_out is stored as 8 bytes of F32, and loaded as 12 bytes of F32");
  ExpectMetadataRefused(
      [](Metadata& m) {
        AnchorOf(m, "b_out", popef::TensorType::OUTPUT).tensorInfo().setShape({3});
      },
      "tensor b_out is loaded and saved with different");
  ExampleModel model;
  model.stored = [](const std::string& name) { return name != "w_neighbour"; };
  ExpectRefused(model, "tensor w_neighbour is loaded before the first step");
}

TEST_F(PopefModelTest, ASeedWithoutAValueIsTheOptions) {
  ExampleModel model;
  model.rng_state = true;
  model.stored = [](const std::string& name) { return name != "rng_state"; };
  model.edit = [](Program&, Metadata& metadata) { metadata.setSeedHandle("h2d_rng_state"); };
  PopefOptions options = Options(model);
  options.seed = 0x0807060504030201;
  auto executor = NewPopefExecutor(options);
  ASSERT_TRUE(executor.ok()) << executor.status();
  ASSERT_TRUE((*executor)->Load().ok());
  EXPECT_THAT((*executor)->SaveState().value(), HasSubstr("\1\2\3\4\5\6\7\x8"));
}

TEST_F(PopefModelTest, TheLossIsNamedOrFound) {
  ExampleModel model;
  model.names = {{"loss", "Identity:0"}};
  ExpectRefused(model, "name it with --loss; there are Identity:0, logits");
  PopefOptions options = Options(model);
  options.loss = "Identity";
  ExpectRefused(options, "no output is called Identity; there are Identity:0, logits");
  options.loss = "Identity:0";
  EXPECT_TRUE(NewPopefExecutor(options).ok());
  model.names = {{"logits", "logits_of_loss"}};
  ExpectRefused(model, "name it with --loss");
  model.names = {{"loss", "main/CrossEntropyLoss"}};
  EXPECT_EQ(Make(model)->description().outputs.size(), 1u);

  model.names = {{"loss", "other"}};
  model.trains = false;  // needs none
  EXPECT_EQ(Make(model)->description().outputs.size(), 2u);
}

TEST_F(PopefModelTest, EngineOptionsAreAnObjectOfStrings) {
  PopefOptions options = Options(ExampleModel());
  options.engine_options = "[1]";
  ExpectRefused(options, "a JSON object of strings, not [1]");
  options.engine_options = R"({"target.hostSyncTimeout": 60})";
  ExpectRefused(options, "engine option target.hostSyncTimeout is 60; a string is expected");
}

}  // namespace
}  // namespace graphfeed
