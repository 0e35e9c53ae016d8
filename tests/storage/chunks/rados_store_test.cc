// What a store in RADOS promises beside what every store does. What needs a cluster is only there
// where there is one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/chunks/rados/calls.h"
#include "storage/chunks/rados/column_entry.h"
#include "storage/chunks/rados/location.h"
#include "storage/chunks/rados/omap.h"
#include "storage/chunks/rados/writer.h"
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

class RadosTest : public testing::Test {
 protected:
  void SetUp() override {
    if (CephFolder() == nullptr) GTEST_SKIP() << "there is no cluster";
    space_ = folder_.path().filename().string();
    auto pool = RadosPool::Connect(
        *ParseRadosLocation(RadosPlace(space_).substr(std::string("rados://").size())), "records");
    ASSERT_TRUE(pool.ok()) << pool.status();
    pool_ = *std::move(pool);
  }

  absl::StatusOr<std::unique_ptr<ChunkStore>> OpenAs(const std::string& user,
                                                     StoreAccess access = StoreAccess::kReadWrite,
                                                     bool create = true) {
    return OpenStore(RadosPlace(space_, user), {.access = access, .create = create});
  }
  std::unique_ptr<ChunkStore> Open() {
    auto store = OpenAs("feed");
    EXPECT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE((*store)->StartWriting().ok());
    return *std::move(store);
  }

  std::string Object(const std::string& name) {
    std::string bytes(size_t{8} << 20, '\0');
    size_t read = 0;
    int result = 0;
    ReadOp op = NewReadOp(*pool_);
    pool_->api().rados_read_op_read(op.get(), 0, bytes.size(), bytes.data(), &read, &result);
    EXPECT_TRUE(Operate(*pool_, std::move(op), name).status.ok()) << name;
    bytes.resize(read);
    return bytes;
  }
  void Replace(const std::string& name, const std::string& bytes) {
    WriteOp op = NewWriteOp(*pool_);
    pool_->api().rados_write_op_write_full(op.get(), bytes.data(), bytes.size());
    EXPECT_TRUE(Operate(*pool_, std::move(op), name).status.ok());
  }
  absl::Status Remove(const std::string& name) {
    WriteOp op = NewWriteOp(*pool_);
    pool_->api().rados_write_op_remove(op.get());
    return Operate(*pool_, std::move(op), name).status;
  }
  void SetEntry(const std::string& object, const std::string& key, const std::string& value) {
    const char* const keys[] = {key.data()};
    const char* const values[] = {value.data()};
    const size_t key_bytes[] = {key.size()};
    const size_t value_bytes[] = {value.size()};
    WriteOp op = NewWriteOp(*pool_);
    pool_->api().rados_write_op_omap_set2(op.get(), keys, values, key_bytes, value_bytes, 1);
    EXPECT_TRUE(Operate(*pool_, std::move(op), object).status.ok());
  }

  TestFolder folder_;
  std::string space_;
  std::unique_ptr<RadosPool> pool_;
};

std::string Message(const absl::Status& status) { return std::string(status.message()); }

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

double CountOf(const StoreStats& stats, const std::string& name) {
  for (const StoreStats::Count& count : stats.counts) {
    if (count.name == name) return count.value;
  }
  ADD_FAILURE() << "there is no " << name;
  return -1;
}

// Fails after a minute.
void WaitUntil(const std::function<bool()>& condition) {
  for (int i = 0; !condition(); ++i) {
    ASSERT_LT(i, 6000) << "it did not happen";
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

bool Watches(const Catalog& catalog) { return CountOf(catalog.stats().store, "watching") == 1; }
double NoticesAt(const Catalog& catalog) { return CountOf(catalog.stats().store, "notices_total"); }

TEST_F(RadosTest, RadosWhatOthersPublishAndDeleteIsKnownThoughNobodyLooks) {
  const auto a = *Catalog::Open(Open(), {.listens = true});
  const auto b = *Catalog::Open(Open(), {.listens = true});
  WaitUntil([&] { return Watches(*a) && Watches(*b); });
  ASSERT_TRUE(Ingest(*a, {.name = "d"}, {TwoGraphs()}).ok());
  WaitUntil([&] { return b->Get("d@1").ok(); });
  ExpectHolds(**b->OpenDataset("d"), TwoGraphs());
  ASSERT_TRUE(b->Delete("d", 1).ok());
  WaitUntil([&] { return absl::IsNotFound(a->Get("d@1").status()); });
}

TEST_F(RadosTest, RadosOnlyWhatOthersMustSeeIsAnnounced) {
  const auto a = *Catalog::Open(Open(), {.listens = true});
  const auto b = *Catalog::Open(Open(), {.listens = true});
  WaitUntil([&] { return Watches(*a) && Watches(*b); });
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(a->KeepUp().ok());
  ASSERT_TRUE(Ingest(*a, {.name = "d"}, {TwoGraphs()}).ok());  // reserves columns, publishes
  WaitUntil([&] { return NoticesAt(*b) > 0; });
  ASSERT_TRUE(a->Delete("d", 1).ok());
  WaitUntil([&] { return NoticesAt(*b) > 1; });
  EXPECT_EQ(NoticesAt(*b), 2);
  EXPECT_EQ(NoticesAt(*a), 0) << "its own";
}

TEST_F(RadosTest, RadosWithoutNoticesVersionsAreSeenByLooking) {
  const auto a = *Catalog::Open(Open(), {.listens = true});
  auto store = OpenAs("reader", StoreAccess::kAsPermitted);  // who may not write may not watch
  ASSERT_TRUE(store.ok()) << store.status();
  const auto b = *Catalog::Open(*std::move(store), {.listens = true});
  WaitUntil([&] { return Watches(*a); });
  ASSERT_TRUE(Ingest(*a, {.name = "d"}, {TwoGraphs()}).ok());
  ASSERT_TRUE(b->KeepUp().ok());
  EXPECT_TRUE(b->Get("d@1").ok());
  EXPECT_FALSE(Watches(*b));
}

TEST_F(RadosTest, RadosAWatchThatIsBrokenIsSetUpAnew) {
  const auto a = Open();
  const auto b = Open();
  std::atomic<int> calls{0};
  const auto watch = b->WatchRecords([&] { ++calls; });
  WaitUntil([&] { return CountOf(b->Stats(), "watching") == 1; });
  ASSERT_TRUE(Remove("records").ok());
  WaitUntil([&] { return CountOf(b->Stats(), "watching") == 0; });
  ASSERT_TRUE(a->StartWriting().ok());
  WaitUntil([&] { return CountOf(b->Stats(), "watches_total") == 2; });
  WaitUntil([&] { return calls >= 2; });  // something may have been missed
  const int before = calls;
  a->Announce();
  WaitUntil([&] { return calls > before; });
  EXPECT_EQ(CountOf(b->Stats(), "notices_total"), 1);
}

TEST_F(RadosTest, RadosManyNoticesAreFewReads) {
  const auto a = Open();
  const auto b = Open();
  std::atomic<int> calls{0};
  const auto watch = b->WatchRecords([&] { ++calls; });
  WaitUntil([&] { return calls == 1; });
  for (int round = 0; round < 3; ++round) {
    const int before = calls;
    const double notices = CountOf(b->Stats(), "notices_total");
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i) a->Announce();
    WaitUntil([&] { return CountOf(b->Stats(), "notices_total") == notices + 100; });
    const auto took = std::chrono::steady_clock::now() - began;
    WaitUntil([&] { return calls > before; });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_LE(calls - before, 3 + took / std::chrono::milliseconds(50));
  }
}

TEST_F(RadosTest, RadosRecordsOfAnotherStoreAreToldFromThoseThatWereRead) {
  const auto a = *Catalog::Open(Open(), {});
  ASSERT_TRUE(Ingest(*a, {.name = "d"}, {TwoGraphs()}).ok());
  EXPECT_TRUE(a->Health().ok());
  ASSERT_TRUE(Remove("records").ok());
  ASSERT_TRUE(Remove("columns").ok());
  const auto b = *Catalog::Open(Open(), {});                   // gives out the same numbers
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(b->KeepUp().ok());  // a higher revision
  EXPECT_TRUE(absl::IsFailedPrecondition(a->KeepUp()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Ingest(*a, {.name = "e"}, {TwoGraphs()}).status()));
  EXPECT_THAT(Message(a->Health()), HasSubstr("are another store's"));
  EXPECT_TRUE(b->KeepUp().ok()) << "nothing of the other was written";
  EXPECT_TRUE(b->Health().ok());
}

TEST_F(RadosTest, RadosRecordsThatAreGoneAreNoEmptyStore) {
  const auto a = *Catalog::Open(Open(), {});
  ASSERT_TRUE(Ingest(*a, {.name = "d"}, {TwoGraphs()}).ok());
  ASSERT_TRUE(Remove("records").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(a->KeepUp()));
  EXPECT_THAT(Message(a->Health()), HasSubstr("were removed"));
  EXPECT_TRUE(a->Get("d@1").ok()) << "nobody deleted it";
}

TEST_F(RadosTest, RadosAWatcherThatIsStuckHoldsNobodyUp) {
  const auto a = Open();
  const auto b = Open();
  std::promise<void> go_on;
  std::atomic<int> calls{0};
  auto watch = b->WatchRecords([&, free = go_on.get_future().share()] {
    ++calls;
    free.wait();
  });
  WaitUntil([&] { return calls == 1; });
  for (int i = 0; i < 20; ++i) {
    a->Announce();
    ASSERT_TRUE(a->ChangeRecords({{absl::StrCat("k", i), std::nullopt, "v"}}).ok());
  }
  EXPECT_EQ(calls, 1);
  go_on.set_value();
  WaitUntil([&] { return CountOf(b->Stats(), "notices_total") > 0; });
  watch.reset();
  EXPECT_LT(calls, 20) << "what comes meanwhile is one call";
}

TEST_F(RadosTest, RadosOfManyRecordsThoseAreReadThatChange) {
  const auto a = Open();
  const auto b = Open();
  std::vector<RecordChange> changes = {{"beat", std::nullopt, "0"}};
  for (int i = 0; i < 500; ++i) {
    changes.push_back({absl::StrCat("record ", i), std::nullopt, std::string(1000, 'x')});
  }
  ASSERT_TRUE(a->ChangeRecords(changes).ok());
  ASSERT_EQ(b->ListRecords()->size(), 501u);
  const auto read = [&] { return CountOf(b->Stats(), "record_read_bytes_total"); };
  const auto beat = [&](int i) {
    ASSERT_TRUE(a->ChangeRecords({{"beat", absl::StrCat(i), absl::StrCat(i + 1)}}).ok());
    EXPECT_EQ(b->ListRecords()->at("beat"), absl::StrCat(i + 1));
  };
  beat(0);  // the first time nobody knows which
  const double before = read();
  EXPECT_GT(before, 1'000'000);
  for (int i = 1; i <= 20; ++i) beat(i);
  EXPECT_LT(read() - before, 20 * 20);
  // Others, and new ones, and those that go are seen at once.
  ASSERT_TRUE(a->ChangeRecords({{"record 7", std::string(1000, 'x'), "y"},
                                {"record 8", std::string(1000, 'x'), std::nullopt},
                                {"beat", "21", std::nullopt},
                                {"new", std::nullopt, "z"}})
                  .ok());
  EXPECT_EQ(*b->ListRecords(), *a->ListRecords());
  EXPECT_EQ(b->ListRecords()->at("record 7"), "y");
  EXPECT_EQ(b->ListRecords()->size(), 500u);
}

}  // namespace
}  // namespace graphfeed
