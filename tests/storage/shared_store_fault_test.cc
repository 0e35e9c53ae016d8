// Servers over one store that does not answer at times, and what others do at the wrong moment.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "storage/catalog.h"
#include "storage/servers.h"
#include "tests/storage/graph_blocks.h"
#include "tests/storage/mortal_store.h"
#include "tests/storage/shared_stores.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class SharedStoreFaultTest : public EachSharedStore {};
INSTANTIATE_TEST_SUITE_P(All, SharedStoreFaultTest, testing::ValuesIn(EachSharedStore::Kinds()),
                         StoreKindName);

TEST_P(SharedStoreFaultTest, ACopyUnderTheNumberOfADeletedVersionTakesItsPlaceEverywhere) {
  const TestServer a = Start();
  const TestServer b = Start();
  const GraphBlock graphs = RandomGraphs(3, 200);
  Add(a, "d", graphs);
  const Fingerprint fingerprint = a->Get("d")->fingerprint;
  ASSERT_TRUE(b->KeepUp().ok());
  auto before = *b->OpenDataset("d@1");
  ASSERT_TRUE(a->Delete("d", 1).ok());
  CopiedVersion copy;
  copy.version = 1;
  copy.fingerprint = fingerprint;
  const auto info = Ingest(*a, {.name = "d", .copy_of = copy}, {graphs});
  ASSERT_TRUE(info.ok()) << info.status();
  Pass(5 * kLease, {&a, &b});  // b sees both at once
  EXPECT_THAT(Names(b), ElementsAre("d@1"));
  EXPECT_TRUE(before->Verify().ok()) << before->Verify();
  const auto after = b->OpenDataset("d@1");
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_NE(*after, before);
  EXPECT_TRUE((*after)->Verify().ok());
  EXPECT_THAT(b->DeletedButOpen(), ElementsAre(fingerprint));
  const size_t with_both = StoredColumns().size();
  before.reset();
  Pass(5 * kLease, {&a, &b});
  EXPECT_EQ(2 * StoredColumns().size(), with_both);
  EXPECT_TRUE((*after)->Verify().ok());
}

TEST_P(SharedStoreFaultTest, WhatWasRemovedBeforeItIsOpenedIsNoDamageEither) {
  const TestServer a = Start();
  const TestServer b = Start();
  Add(a, "d", RandomGraphs(3, 200));
  ASSERT_TRUE(b->KeepUp().ok());
  ASSERT_TRUE(a->Delete("d", 1).ok());
  Pass(5 * kLease, {&a});  // the other one is silent
  EXPECT_THAT(Names(b), ElementsAre("d@1"));
  const absl::Status status = b->OpenDataset("d").status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"d@1\" was deleted"));
}

TEST_P(SharedStoreFaultTest, ManyReadsThatFailAskForTheRecordsOnce) {
  const TestServer a = Start();
  Add(a, "d");
  const DatasetInfo info = *a->Get("d");
  const absl::Status damage = absl::DataLossError("x");
  const auto beat = [&] { return ServersOf(StoredRecords())->begin()->second.beat; };
  const int listed = a.store->listed();
  const uint64_t then = beat();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(a->WhyNotRead(info, damage), damage);
  EXPECT_EQ(a.store->listed(), listed + 1);
  EXPECT_EQ(beat(), then);
  now_ += std::chrono::seconds(1);
  EXPECT_EQ(a->WhyNotRead(info, damage), damage);
  EXPECT_EQ(a.store->listed(), listed + 2);
}

TEST_P(SharedStoreFaultTest, WhoShowsThatItIsAliveWaitsForNothingButRecords) {
  const TestServer a = Start();
  TestServer b = Start();
  b.store->Die();
  b.catalog.reset();
  const int tidied = a.store->tidied();
  a.store->FailListings(1000);
  for (std::chrono::seconds passed{0}; passed < 3 * kLease; passed += std::chrono::seconds(1)) {
    now_ += std::chrono::seconds(1);
    const absl::Status status = a->KeepUp();
    EXPECT_TRUE(status.ok()) << status;
  }
  EXPECT_THAT(*ServersOf(StoredRecords()), SizeIs(1)) << "the other was found dead";
  EXPECT_EQ(a.store->tidied(), tidied);
  EXPECT_FALSE(a->Sweep().ok());
  EXPECT_EQ(a.store->tidied(), tidied + 1);
}

TEST_P(SharedStoreFaultTest, WhoEndsBeforeItSweptForTheDeadLeavesThatToOthers) {
  TestServer a = Start();
  TestServer b = Start();
  {
    auto ingest = b->StartIngest({.name = "e"});
    ASSERT_TRUE((*ingest)->Append(TwoGraphs()).ok());
    b.store->DieBefore("manifest/e@1");
    EXPECT_FALSE((*ingest)->Commit().ok());
  }
  b.catalog.reset();
  for (int i = 0; i < 10; ++i) {
    now_ += kLease / 10;
    ASSERT_TRUE(a->KeepUp().ok());
  }
  const TestServer c = Start();  // has not seen the dead one for long
  now_ += kLease / 10;
  ASSERT_TRUE(a->KeepUp().ok());
  EXPECT_THAT(*ServersOf(StoredRecords()), SizeIs(2)) << "found dead, and nothing else";
  a.catalog.reset();
  Pass(5 * kLease, {&c});
  EXPECT_THAT(StoredColumns(), IsEmpty());
}

TEST_P(SharedStoreFaultTest, ASweepThatIsNotToldWhetherItsChangeWasMadeLosesNoColumn) {
  const TestServer a = Start();
  Add(a, "d");
  ASSERT_TRUE(a->Delete("d", 1).ok());
  int failed = 0;
  a.store->LoseAnswer({.record = "set_aside"});
  for (int i = 0; i < 50; ++i) {
    now_ += std::chrono::seconds(1);
    ASSERT_TRUE(a->KeepUp().ok());
    failed += a->Sweep().ok() ? 0 : 1;
  }
  EXPECT_EQ(failed, 1);
  EXPECT_THAT(StoredColumns(), IsEmpty());
}

TEST_P(SharedStoreFaultTest, ABeatAmidAReservationNamesWhatIsReserved) {
  const TestServer a = Start();
  Add(a, "d");
  const TestServer b = Start();
  ASSERT_TRUE(a->Delete("d", 1).ok());
  // That is seen by the reservation, and dealt with right after it.
  int beats = 0;
  b.store->OnForget([&] {
    if (beats++ == 0) {
      EXPECT_TRUE(b->KeepUp().ok());
    }
  });
  EXPECT_EQ(Add(b, "e"), "e@1");
  EXPECT_GT(beats, 0);
}

TEST_P(SharedStoreFaultTest, AVersionThatIsThereAlthoughNobodySaidSoStaysForItsReaders) {
  const TestServer a = Start();
  const TestServer b = Start();
  a.store->LoseAnswer({.record = "manifest/d@1", .failing = 1});  // nor can it be undone
  EXPECT_TRUE(absl::IsUnavailable(Ingest(*a, {.name = "d"}, {RandomGraphs(3, 200)}).status()));
  Pass(std::chrono::seconds(3), {&a, &b});
  EXPECT_THAT(Names(a), ElementsAre("d@1"));
  auto dataset = *b->OpenDataset("d@1");
  ASSERT_TRUE(a->Delete("d", 1).ok());
  Pass(5 * kLease, {&a, &b});
  EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
  dataset.reset();
  Pass(5 * kLease, {&a, &b});
  EXPECT_THAT(StoredColumns(), IsEmpty());
}

TEST_P(SharedStoreFaultTest, APublishThatIsUndoneStaysForWhoHasOpenedItMeanwhile) {
  const TestServer a = Start();
  const TestServer b = Start();
  std::shared_ptr<Dataset> dataset;
  a.store->LoseAnswer({.record = "manifest/d@1", .then = [&] {
                         ASSERT_TRUE(b->KeepUp().ok());
                         dataset = *b->OpenDataset("d@1");
                       }});
  EXPECT_TRUE(absl::IsUnavailable(Ingest(*a, {.name = "d"}, {RandomGraphs(3, 200)}).status()));
  EXPECT_THAT(Names(a), IsEmpty());
  Pass(5 * kLease, {&a, &b});
  EXPECT_THAT(Names(b), IsEmpty());
  EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
  dataset.reset();
  Pass(5 * kLease, {&a, &b});
  EXPECT_THAT(StoredColumns(), IsEmpty());
  EXPECT_EQ(Add(b, "d"), "d@2") << "others have seen the number";
}

TEST_P(SharedStoreFaultTest, WhatOthersPublishedUnderTheNumberIsNotUndone) {
  const TestServer a = Start();
  const TestServer b = Start();
  a.store->LoseAnswer({.record = "manifest/d@1", .made = false, .then = [&] { Add(b, "d"); }});
  EXPECT_TRUE(absl::IsUnavailable(Ingest(*a, {.name = "d"}, {RandomGraphs(3, 200)}).status()));
  Pass(5 * kLease, {&a, &b});
  EXPECT_THAT(Names(a), ElementsAre("d@1"));
  ExpectHolds(**a->OpenDataset("d"), TwoGraphs());
}

TEST_P(SharedStoreFaultTest, WhatWasNotPublishedThoughThatWasUncertainGoesWithTheNextBeats) {
  const TestServer a = Start();
  a.store->LoseAnswer({.record = "manifest/d@1", .made = false, .failing = 1});
  EXPECT_TRUE(absl::IsUnavailable(Ingest(*a, {.name = "d"}, {TwoGraphs()}).status()));
  EXPECT_THAT(StoredColumns(), Not(IsEmpty()));
  ASSERT_TRUE(a->KeepUp().ok());
  for (int i = 0; i < 6000 && !StoredColumns().empty(); ++i) {  // on a thread of the catalog
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_THAT(StoredColumns(), IsEmpty());
  EXPECT_EQ(Add(a, "d"), "d@1");
}

TEST_P(SharedStoreFaultTest, WhoEndsWhileItIsUncertainWhetherItPublishedIsTakenForDead) {
  TestServer a = Start();
  const TestServer b = Start();
  Pass(std::chrono::seconds(1), {&a, &b});
  a.store->LoseAnswer({.record = "manifest/d@1", .made = false, .failing = 1});
  EXPECT_TRUE(absl::IsUnavailable(Ingest(*a, {.name = "d"}, {TwoGraphs()}).status()));
  a.catalog.reset();
  Pass(5 * kLease, {&b});
  EXPECT_THAT(StoredColumns(), IsEmpty());
  EXPECT_THAT(*ServersOf(StoredRecords()), SizeIs(1));
}

}  // namespace
}  // namespace graphfeed
