// What a store in RADOS promises beside what every store does. What needs a cluster is only there
// where there is one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/base/work_scope.h"
#include "storage/chunks/rados/calls.h"
#include "storage/chunks/rados/column_entry.h"
#include "storage/chunks/rados/location.h"
#include "storage/chunks/rados/reads.h"
#include "storage/chunks/rados/writer.h"
#include "tests/storage/chunks/rados_fixture.h"
#include "tests/storage/graph_blocks.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(RadosLocationTest, PartsMayBeLeftOut) {
  EXPECT_EQ(*ParseRadosLocation("pool"),
            (RadosLocation{.pool = "pool", .name_space = "", .conf = "", .user = "admin"}));
  EXPECT_EQ(*ParseRadosLocation("pool/space?conf=/etc/c.conf&id=feed"),
            (RadosLocation{
                .pool = "pool", .name_space = "space", .conf = "/etc/c.conf", .user = "feed"}));
  EXPECT_EQ(ParseRadosLocation("pool?id=feed")->user, "feed");
  EXPECT_EQ(ParseRadosLocation("pool/space?id=feed")->Name(), "rados://pool/space");
}

TEST(RadosLocationTest, WhatIsWrongIsNamed) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "the pool is missing"},
      {"?id=feed", "the pool is missing"},
      {"pool/", "the namespace is empty"},
      {"pool/a/b", "\"a/b\" is no namespace"},
      {"pool?user=feed", "\"user\" is neither conf nor id"},
      {"pool?id=", "\"id\" has no value"},
      {"pool?id=a&id=b", "\"id\" is given twice"},
      {"pool?id=client.feed", "without \"client.\""},
  };
  for (const auto& [text, what] : wrong) {
    const absl::Status status = ParseRadosLocation(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what)) << text;
  }
}

TEST(RadosColumnEntryTest, ReadsWhatItWrote) {
  const ColumnEntry begun = {.objects = 64};
  const ColumnEntry stored = {.stored = true,
                              .objects = 2,
                              .chunk_bytes = 1 << 20,
                              .chunks_per_object = 4,
                              .chunks = 6,
                              .bytes = (5 << 20) + 7};
  for (const ColumnEntry& entry : {begun, stored}) {
    const std::string text = EncodeColumnEntry(77, entry);
    EXPECT_EQ(*DecodeColumnEntry(77, text), entry);
    EXPECT_TRUE(absl::IsDataLoss(DecodeColumnEntry(78, text).status())) << "of another column";
    for (size_t i = 0; i < text.size(); ++i) {
      std::string damaged = text;
      damaged[i] = static_cast<char>(damaged[i] ^ 1);
      EXPECT_TRUE(absl::IsDataLoss(DecodeColumnEntry(77, damaged).status())) << damaged;
    }
  }
  const auto places = ColumnPlaces::Create(77, stored, "");
  ASSERT_TRUE(places.ok()) << places.status();
  EXPECT_EQ(places->PlaceOf(3).object, 0);
  EXPECT_EQ(places->PlaceOf(3).offset, uint64_t{3} << 20);
  EXPECT_EQ(places->PlaceOf(5).object, 1);
  EXPECT_EQ(places->PlaceOf(5).offset, uint64_t{1} << 20);
  EXPECT_EQ(places->PlaceOf(5).bytes, 7u);
}

TEST_F(RadosTest, RadosWhoCannotConnectIsToldWhy) {
  const std::string conf = absl::StrCat(CephFolder(), "/ceph.conf");
  const auto open = [](const std::string& place) { return OpenStore(place).status(); };
  const absl::Status no_pool = open(absl::StrCat("rados://gone?conf=", conf, "&id=feed"));
  EXPECT_EQ(no_pool, absl::NotFoundError("there is no pool \"gone\""));
  const absl::Status no_user = open(absl::StrCat("rados://graphfeed?conf=", conf, "&id=gone"));
  EXPECT_TRUE(absl::IsPermissionDenied(no_user)) << no_user;
  EXPECT_THAT(Message(no_user), HasSubstr("does not know client.gone"));
  const absl::Status no_file = open("rados://graphfeed?conf=/gone/ceph.conf&id=feed");
  EXPECT_EQ(no_file, absl::NotFoundError("there is no \"/gone/ceph.conf\" of a Ceph cluster"));
  const absl::Status may_nothing = OpenAs("nobody").status();
  EXPECT_TRUE(absl::IsPermissionDenied(may_nothing)) << may_nothing;
  EXPECT_THAT(Message(may_nothing), HasSubstr("client.nobody may not"));
}

TEST_F(RadosTest, RadosAReaderReadsAndDoesNotWrite) {
  EXPECT_TRUE(absl::IsNotFound(OpenAs("reader", StoreAccess::kReadOnly).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(OpenAs("reader", StoreAccess::kAsPermitted).status()))
      << "there is nothing to be read";
  auto writer = Catalog::Open(Open(), {});
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(Ingest(**writer, {.name = "d"}, {TwoGraphs()}).ok());

  const absl::Status refused = OpenAs("reader").status();
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_EQ(Message(refused),
            absl::StrCat("client.reader may not write to rados://graphfeed/", space_));
  auto store = OpenAs("reader", StoreAccess::kAsPermitted);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE((*store)->read_only());
  auto reader = Catalog::Open(*std::move(store), {});
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE((*(*reader)->OpenDataset("d"))->Verify().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Ingest(**reader, {.name = "e"}, {TwoGraphs()}).status()));
  EXPECT_TRUE((*reader)->KeepUp().ok());
}

TEST_F(RadosTest, RadosAStoreIsMadeOnlyWhereItMayBe) {
  const absl::Status status = OpenAs("feed", StoreAccess::kReadWrite, /*create=*/false).status();
  EXPECT_EQ(status,
            absl::NotFoundError(absl::StrCat("there is no store in rados://graphfeed/", space_)));
}

TEST_F(RadosTest, RadosAnObjectThatIsGoneAndAByteThatIsFlippedAreNamed) {
  auto catalog = Catalog::Open(Open(), {.memory_budget_bytes = 0});
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  const GraphBlock graphs = RandomGraphs(5, 4000);
  ASSERT_TRUE(Ingest(**catalog, {.name = "d"}, {graphs}).ok());
  const auto dataset = *(*catalog)->OpenDataset("d");
  ASSERT_TRUE(dataset->Verify().ok());
  const auto columns = ColumnUids(*Open());
  ASSERT_FALSE(columns.empty());
  for (const uint64_t column : columns) {
    const std::string name = ObjectName(column, 0);
    const std::string bytes = Object(name);
    std::string damaged = bytes;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 4);
    Replace(name, damaged);
    const absl::Status flipped = dataset->Verify();
    EXPECT_TRUE(absl::IsDataLoss(flipped)) << flipped;
    EXPECT_THAT(Message(flipped), AllOf(HasSubstr("dataset \"d@1\", "), HasSubstr("chunk ")));
    Replace(name, bytes.substr(0, bytes.size() - 1));
    const absl::Status cut = dataset->Verify();
    EXPECT_TRUE(absl::IsDataLoss(cut)) << cut;
    EXPECT_THAT(Message(cut),
                AllOf(HasSubstr("dataset \"d@1\", "), HasSubstr("chunk "), HasSubstr(name)));
    ASSERT_TRUE(Remove(name).ok());
    const absl::Status gone = dataset->Verify();
    EXPECT_TRUE(absl::IsDataLoss(gone)) << gone;
    EXPECT_THAT(Message(gone),
                AllOf(HasSubstr("dataset \"d@1\", "), HasSubstr("chunk "), HasSubstr(name)));
    Replace(name, bytes);
  }
  EXPECT_TRUE(dataset->Verify().ok());
}

TEST_F(RadosTest, RadosRecordsThatAreNotThoseOfTheirDigestAreDamage) {
  const auto store = Open();
  ASSERT_TRUE(store->ChangeRecords({{"a", std::nullopt, "1"}, {"b", std::nullopt, "2"}}).ok());
  SetEntry("records", "a", "3");
  const absl::Status changed = OpenAs("feed").status();
  EXPECT_TRUE(absl::IsDataLoss(changed)) << changed;
  // Who has them already reads all of them now and then.
  absl::Status seen;
  for (int i = 0; i < 100 && seen.ok(); ++i) seen = store->ListRecords().status();
  EXPECT_TRUE(absl::IsDataLoss(seen)) << seen;
  SetEntry("records", "a", "1");
  EXPECT_TRUE(store->ListRecords().ok());
  SetEntry("records", "c", "1");
  EXPECT_TRUE(absl::IsDataLoss(OpenAs("feed").status()));
}

TEST_F(RadosTest, RadosMoreEntriesThanOneAnswerHolds) {
  const auto store = Open();
  std::vector<RecordChange> changes;
  for (int i = 0; i < 3000; ++i) {
    changes.push_back({absl::StrCat("record ", i), std::nullopt, absl::StrCat(i)});
  }
  ASSERT_TRUE(store->ChangeRecords(changes).ok());
  const auto records = Open()->ListRecords();
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_EQ(records->size(), 3000u);
  EXPECT_EQ(records->at("record 2999"), "2999");
}

TEST_F(RadosTest, RadosAColumnOfManyObjectsIsReadAndRemovedWhole) {
  const auto store = Open();
  constexpr int64_t kChunkBytes = 300'000;  // 13 in an object
  const auto chunk = [](uint32_t i, int64_t bytes) {
    return std::string(static_cast<size_t>(bytes), static_cast<char>('a' + i % 26));
  };
  auto writer = *store->NewWriter(9, kChunkBytes);
  for (uint32_t i = 0; i < 27; ++i) {
    ASSERT_TRUE(writer->Add(i, chunk(i, i == 26 ? 7 : kChunkBytes)).ok());
  }
  EXPECT_FALSE(writer->Add(27, "behind the last one").ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(Object(ObjectName(9, 2)).size(), 7u);
  std::vector<ChunkKey> keys;
  for (uint32_t i = 0; i < 27; ++i) keys.push_back({9, i});
  store->ReadChunks(keys, [&](size_t i, absl::StatusOr<absl::string_view> value) {
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_TRUE(*value == chunk(keys[i].chunk, i == 26 ? 7 : kChunkBytes)) << i;
  });
  ASSERT_TRUE(store->DeleteColumns({9}).ok());
  for (int64_t object = 0; object < 3; ++object) {
    EXPECT_TRUE(absl::IsNotFound(Remove(ObjectName(9, object)))) << object;
  }
}

TEST_F(RadosTest, RadosAReadThatFailsForAllIsNotTriedForEach) {
  const auto refused = RadosPool::Connect(
      *ParseRadosLocation(RadosPlace(space_, "nobody").substr(std::string("rados://").size())),
      "records");
  ASSERT_TRUE(refused.ok()) << refused.status();
  std::vector<PlacedKey> keys;
  for (uint32_t i = 0; i < 1000; ++i) {  // each in an object of its own
    keys.push_back(
        {.index = i, .key = {9, i}, .place = {.object = i, .offset = 0, .bytes = 1 << 10}});
  }
  std::vector<int> visits(keys.size());
  ReadCounts counts;
  const auto visitor = [&](size_t i, const absl::StatusOr<absl::string_view>& value) {
    ++visits[i];
    EXPECT_TRUE(absl::IsPermissionDenied(value.status())) << value.status();
  };
  ReadPlaced(**refused, keys, visitor, counts);
  EXPECT_THAT(visits, testing::Each(1));
  EXPECT_LT(counts.operations, 100);
}

// The cluster's OSDs, which stand still while this exists.
class StoppedOsds {
 public:
  StoppedOsds() {
    for (const auto& process : std::filesystem::directory_iterator("/proc")) {
      std::ifstream file(process.path() / "cmdline");
      const std::string command{std::istreambuf_iterator<char>(file), {}};
      if (!absl::StrContains(command, "ceph-osd") || !absl::StrContains(command, CephFolder())) {
        continue;
      }
      pids_.push_back(std::stoi(process.path().filename().string()));
      kill(pids_.back(), SIGSTOP);
    }
  }
  ~StoppedOsds() {
    for (const pid_t pid : pids_) kill(pid, SIGCONT);
  }
  StoppedOsds(const StoppedOsds&) = delete;
  StoppedOsds& operator=(const StoppedOsds&) = delete;

  bool empty() const { return pids_.empty(); }

 private:
  std::vector<pid_t> pids_;
};

TEST_F(RadosTest, RadosWhatBeginsAfterOthersWereBrokenOffIsBrokenOffToo) {
  const auto store = Open();
  const StoppedOsds stopped;
  ASSERT_FALSE(stopped.empty());
  const auto began = std::chrono::steady_clock::now();
  {
    const auto unwanted = [] { return true; };
    const WorkScope nobody_waits(unwanted);
    RadosCalls calls(*pool_, /*interruptible=*/true);
    for (size_t i = 0; i < 3; ++i) {
      ReadOp op = NewReadOp(*pool_);
      pool_->api().rados_read_op_cmpxattr(op.get(), "format", LIBRADOS_CMPXATTR_OP_EQ, "", 0);
      calls.Start(std::move(op), "records", i);
      const absl::Status status = calls.Next().status;
      EXPECT_TRUE(absl::IsCancelled(status)) << status;
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

TEST_F(RadosTest, RadosAWriterWhoseColumnWasTakenAwayIsToldSo) {
  const auto store = Open();
  const auto other = Open();
  auto writer = *store->NewWriter(9, 1 << 20);
  for (uint32_t i = 0; i < 9; ++i) {
    ASSERT_TRUE(writer->Add(i, std::string(1 << 20, 'x')).ok());
  }
  EXPECT_THAT(*other->ListColumns(), ElementsAre(ColumnChunks{.column = 9, .num_chunks = 0}));
  ASSERT_TRUE(other->DeleteColumns({9}).ok());
  const absl::Status status = writer->Finish();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  writer.reset();
  EXPECT_THAT(*other->ListColumns(), IsEmpty());
  for (int64_t object = 0; object < 3; ++object) {
    EXPECT_TRUE(absl::IsNotFound(Remove(ObjectName(9, object)))) << object;
  }
}

TEST_F(RadosTest, RadosGapsAndOtherSizesAreRefused) {
  const auto store = Open();
  auto writer = *store->NewWriter(9, 100);
  EXPECT_TRUE(absl::IsInvalidArgument(writer->Add(1, std::string(100, 'x'))));
  EXPECT_FALSE(writer->Add(0, std::string(101, 'x')).ok());
  ASSERT_TRUE(writer->Add(0, std::string(99, 'x')).ok());
  EXPECT_FALSE(writer->Add(1, std::string(100, 'x')).ok()) << "the one before was the last";
}

TEST_F(RadosTest, RadosARecordOfAnotherFormatIsLeftAlone) {
  { const auto store = Open(); }
  const std::string format = "graphfeed-rados 9";
  WriteOp op = NewWriteOp(*pool_);
  pool_->api().rados_write_op_setxattr(op.get(), "format", format.data(), format.size());
  ASSERT_TRUE(Operate(*pool_, std::move(op), "records").status.ok());
  const absl::Status status = OpenAs("feed").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("is of format \"graphfeed-rados 9\""));
}

}  // namespace
}  // namespace graphfeed
