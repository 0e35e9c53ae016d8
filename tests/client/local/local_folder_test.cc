// One folder and several who use it.

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "gmock/gmock.h"
#include "proto/frame/digest.h"
#include "tests/client/local/local_test.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class LocalFolderTest : public LocalTest {};

int64_t NumTables(const std::string& folder) {
  int64_t tables = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    tables += entry.path().extension() == ".sst" ? 1 : 0;
  }
  return tables;
}

TEST_F(LocalFolderTest, AMissingFolderIsMadeByAnIngestAlone) {
  const std::unique_ptr<Client> client = NewClient();
  const auto datasets = client->ListDatasets();
  EXPECT_EQ(datasets.status().code(), absl::StatusCode::kNotFound) << datasets.status();
  EXPECT_THAT(std::string(datasets.status().message()), HasSubstr(data()));
  EXPECT_FALSE(std::filesystem::exists(data()));
  ASSERT_TRUE(IngestMolecules(*client, "molecules", 20).ok());
  const auto listed = client->ListDatasets();
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 1u);
}

TEST_F(LocalFolderTest, NothingIsMadeInAFolderOfSomebodyElse) {
  std::filesystem::create_directories(data());
  std::ofstream(data() + "/letter.txt") << "dear";
  const auto datasets = NewClient()->ListDatasets();
  EXPECT_EQ(datasets.status().code(), absl::StatusCode::kNotFound) << datasets.status();
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(data()), {}), 1);
  const absl::Status written = IngestMolecules(*NewClient(), "molecules", 20).status();
  EXPECT_EQ(written.code(), absl::StatusCode::kFailedPrecondition) << written;
  EXPECT_THAT(std::string(written.message()), HasSubstr("holds \"letter.txt\""));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(data()), {}), 1);
}

TEST_F(LocalFolderTest, EndpointsThatAreNoneAreRefused) {
  ClientOptions options;
  options.endpoints = {"local:"};
  EXPECT_EQ(Client::Create(options).status().code(), absl::StatusCode::kInvalidArgument);
  options.endpoints = {"local:" + data(), "127.0.0.1:1"};
  EXPECT_EQ(Client::Create(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LocalFolderTest, ClientsOfOneFolderShareItByWhateverPath) {
  const std::unique_ptr<Client> writer = NewClient();
  ASSERT_TRUE(IngestMolecules(*writer, "molecules", 20).ok());
  std::filesystem::create_directory_symlink(data(), folder_ + "/link");
  const std::unique_ptr<Client> other = NewClient(folder_ + "/link");
  ASSERT_TRUE(IngestMolecules(*other, "molecules", 30).ok());  // the lock is the process's
  const auto info = writer->GetDataset("molecules");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->version, 2);
}

TEST_F(LocalFolderTest, AFolderIsFreeWhenItsLastClientHasGone) {
  ASSERT_TRUE(IngestMolecules(*NewClient(), "molecules", 20).ok());
  TestServer server([this](ServerConfig& config) { config.data_dir = data(); });
  EXPECT_FALSE(server.server().read_only());
}

TEST_F(LocalFolderTest, AReaderDoesNotKeepAWriterOut) {
  ASSERT_TRUE(IngestMolecules(*NewClient(), "molecules", 20).ok());
  const std::unique_ptr<Client> reader = NewClient();
  ASSERT_TRUE(reader->ListDatasets().ok());
  TestServer server([this](ServerConfig& config) { config.data_dir = data(); });
  EXPECT_FALSE(server.server().read_only());
}

// A server in this process opens the folder by itself, as another process does.
class BesideAServerTest : public LocalFolderTest {
 protected:
  BesideAServerTest()
      : server_([this](ServerConfig& config) { config.data_dir = data(); }),
        writer_(server_.NewClient()),
        reader_(NewClient()) {
    EXPECT_TRUE(IngestMolecules(*writer_, "molecules", 300).ok());
  }

  TestServer server_;
  const std::unique_ptr<Client> writer_;
  std::unique_ptr<Client> reader_;
};

TEST_F(BesideAServerTest, WhatIsPublishedIsThereForTheNextCall) {
  for (int64_t version = 1; version < 4; ++version) {
    const auto info = reader_->GetDataset("molecules");
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->version, version);
    const auto here = Collect(*reader_, Options(Strategy::kPadToMax));
    const auto there = Collect(*writer_, Options(Strategy::kPadToMax));
    ASSERT_TRUE(here.ok() && there.ok()) << here.status() << there.status();
    ASSERT_EQ(here->size(), there->size());
    for (size_t i = 0; i < here->size(); ++i) EXPECT_EQ(Bytes((*here)[i]), Bytes((*there)[i]));
    ASSERT_TRUE(IngestMolecules(*writer_, "molecules", 300 + version).ok());
  }
}

TEST_F(BesideAServerTest, WhoeverMayNotWriteIsToldWhoDoes) {
  const absl::Status status = IngestMolecules(*reader_, "more", 10).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(data()), HasSubstr(absl::StrCat("process ", getpid()))));
  EXPECT_EQ(reader_->DeleteVersion("molecules", 1).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(reader_->GetDataset("molecules").ok()) << "it still reads";
}

TEST_F(BesideAServerTest, NothingGoesBeneathAReader) {
  StreamOptions options = Options(Strategy::kPadToMax);
  options.prefetch = 1;
  options.num_epochs = 2;
  const auto expected = Collect(*writer_, options);
  ASSERT_TRUE(expected.ok()) << expected.status();
  auto stream = reader_->StreamBatches(options);
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE((*stream)->Next().ok());
  const int64_t tables = NumTables(data());
  ASSERT_GT(tables, 0);

  ASSERT_TRUE(writer_->DeleteVersion("molecules", 1).ok());
  EXPECT_EQ(reader_->GetDataset("molecules").status().code(), absl::StatusCode::kNotFound);
  for (size_t i = 1; i < expected->size(); ++i) {
    const auto batch = (*stream)->Next();
    ASSERT_TRUE(batch.ok() && batch->has_value()) << i << batch.status();
    ASSERT_EQ(Bytes(**batch), Bytes((*expected)[i]));
  }
  EXPECT_EQ(NumTables(data()), tables) << "while anybody reads";
  stream->reset();
  reader_.reset();
  EXPECT_TRUE(Eventually([&] { return NumTables(data()) == 0; }));
}

TEST_F(BesideAServerTest, AFolderThatChangesAllTheTimeIsReadAsItWasAtSomeMoment) {
  std::atomic<bool> stop = false;
  std::thread changes([&] {
    while (!stop) {
      const auto info = IngestMolecules(*writer_, "others", 20);
      ASSERT_TRUE(info.ok()) << info.status();
      ASSERT_TRUE(writer_->DeleteVersion("others", info->version).ok());
    }
  });
  for (int i = 0; i < 30; ++i) {
    const auto batches = Collect(*reader_, Options(Strategy::kStreamPack));
    EXPECT_TRUE(batches.ok()) << batches.status();
  }
  stop = true;
  changes.join();
}

TEST_F(BesideAServerTest, TheServersEndIsNoneOfTheReaders) {
  auto stream = reader_->StreamBatches(Options(Strategy::kPadToMax));
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE((*stream)->Next().ok());
  server_.Restart();
  while (true) {
    const auto batch = (*stream)->Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    if (!batch->has_value()) break;
    EXPECT_EQ(FrameDigest((*batch)->data(), (*batch)->placement().slab_bytes),
              (*batch)->info().digest);
  }
  EXPECT_TRUE(reader_->GetDataset("molecules").ok());
}

}  // namespace
}  // namespace graphfeed
