// Several servers, each with a catalog of its own, over one store.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

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

class SharedStoreTest : public EachSharedStore {};
INSTANTIATE_TEST_SUITE_P(All, SharedStoreTest, testing::ValuesIn(EachSharedStore::Kinds()),
                         StoreKindName);

TEST_P(SharedStoreTest, AVersionAppearsAtTheOthersAndGoes) {
  const TestServer a = Start();
  const TestServer b = Start();
  Add(a, "d");
  ASSERT_TRUE(b->KeepUp().ok());
  EXPECT_THAT(Names(b), ElementsAre("d@1"));
  ExpectHolds(**b->OpenDataset("d"), TwoGraphs());
  ASSERT_TRUE(b->Delete("d", 1).ok());
  EXPECT_THAT(Names(a), ElementsAre("d@1"));
  ASSERT_TRUE(a->KeepUp().ok());
  EXPECT_THAT(Names(a), IsEmpty());
}

TEST_P(SharedStoreTest, NumbersAreDistinctThoughNobodyKnowsOfTheOthers) {
  const TestServer a = Start();
  const TestServer b = Start();
  EXPECT_EQ(Add(a, "d"), "d@1");
  EXPECT_EQ(Add(b, "d"), "d@2");
  EXPECT_EQ(Add(b, "d"), "d@3");
  ASSERT_TRUE(b->Delete("d", 3).ok());
  EXPECT_EQ(Add(a, "d"), "d@4") << "a number is given out once";
  const TestServer c = Start();
  EXPECT_THAT(Names(c), ElementsAre("d@1", "d@2", "d@4"));
}

TEST_P(SharedStoreTest, ANumberBelowTheNewestIsNotGivenOutAgainEither) {
  const TestServer a = Start();
  const TestServer b = Start();
  EXPECT_EQ(Add(b, "d"), "d@1");
  ASSERT_TRUE(a->KeepUp().ok());
  EXPECT_EQ(Add(b, "d"), "d@2");
  EXPECT_EQ(Add(b, "d"), "d@3");
  ASSERT_TRUE(b->Delete("d", 2).ok());
  EXPECT_EQ(Add(a, "d"), "d@4");
}

TEST_P(SharedStoreTest, AllIngestAndDeleteAtOnce) {
  constexpr int kServers = 4;
  constexpr int kVersions = 25;
  std::vector<TestServer> servers;
  for (int i = 0; i < kServers; ++i) servers.push_back(Start());
  std::vector<std::thread> threads;
  for (int i = 0; i < kServers; ++i) {
    threads.emplace_back([&, i] {
      const TestServer& server = servers[static_cast<size_t>(i)];
      for (int k = 0; k < kVersions; ++k) {
        const auto info =
            Ingest(*server, {.name = "d"}, {RandomGraphs(static_cast<uint64_t>(i), 3)});
        ASSERT_TRUE(info.ok()) << info.status();
        if (k % 5 == 4) {
          ASSERT_TRUE(server->Delete("d", info->version).ok());
        }
        ASSERT_TRUE(server->KeepUp().ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const TestServer last = Start();
  const std::vector<DatasetInfo> infos = last->List();
  EXPECT_THAT(infos, SizeIs(kServers * kVersions * 4 / 5));
  EXPECT_LE(infos.back().version, kServers * kVersions);
  for (const DatasetInfo& info : infos) {
    const auto dataset = last->OpenDataset(absl::StrCat("d@", info.version));
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    EXPECT_TRUE((*dataset)->Verify().ok()) << info.version;
  }
}

TEST_P(SharedStoreTest, AStartAndItsSweepsLeaveWhatOthersWrite) {
  const TestServer a = Start();
  auto ingest = a->StartIngest({.name = "d"});
  ASSERT_TRUE(ingest.ok()) << ingest.status();
  ASSERT_TRUE((*ingest)->Append(RandomGraphs(1, 2000)).ok());
  const TestServer b = Start();
  Pass(5 * kLease, {&a, &b});
  ASSERT_TRUE((*ingest)->Append(RandomGraphs(2, 2000)).ok());
  const auto info = (*ingest)->Commit();
  ASSERT_TRUE(info.ok()) << info.status();
  Pass(5 * kLease, {&a, &b});
  const auto dataset = b->OpenDataset("d");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_TRUE((*dataset)->Verify().ok());
}

TEST_P(SharedStoreTest, WhatADeadServerBeganIsSweptByWhoeverIsAlive) {
  const TestServer a = Start();
  TestServer b = Start();
  Add(a, "d");
  const std::set<uint64_t> published = StoredColumns();
  {
    auto ingest = b->StartIngest({.name = "e"});
    ASSERT_TRUE((*ingest)->Append(TwoGraphs()).ok());
    b.store->DieBefore("manifest/e@1");
    EXPECT_FALSE((*ingest)->Commit().ok());
  }
  b.catalog.reset();
  EXPECT_GT(StoredColumns().size(), published.size());
  Pass(kLease / 2, {&a});
  EXPECT_GT(StoredColumns().size(), published.size()) << "it may be only slow";
  Pass(4 * kLease, {&a});
  EXPECT_EQ(StoredColumns(), published);
  EXPECT_THAT(*ServersOf(StoredRecords()), SizeIs(1));
}

TEST_P(SharedStoreTest, WhatADeadServerBeganIsSweptAlthoughItCouldNotBeListedAtFirst) {
  const TestServer a = Start();
  TestServer b = Start();
  {
    auto ingest = b->StartIngest({.name = "e"});
    ASSERT_TRUE((*ingest)->Append(TwoGraphs()).ok());
    b.store->DieBefore("manifest/e@1");
    EXPECT_FALSE((*ingest)->Commit().ok());
  }
  b.catalog.reset();
  EXPECT_THAT(StoredColumns(), Not(IsEmpty()));
  a.store->FailListings(1);
  int failed = 0;
  for (int i = 0; i < 24; ++i) {
    now_ += kLease / 4;
    EXPECT_TRUE(a->KeepUp().ok());
    failed += a->Sweep().ok() ? 0 : 1;
  }
  EXPECT_EQ(failed, 1);
  EXPECT_THAT(StoredColumns(), IsEmpty());
}

TEST_P(SharedStoreTest, AServerThatWasOnlySlowIsToldSoAndGoesOn) {
  const TestServer a = Start();
  const TestServer b = Start();
  auto ingest = b->StartIngest({.name = "d"});
  ASSERT_TRUE((*ingest)->Append(TwoGraphs()).ok());
  Pass(5 * kLease, {&a});
  const auto late = (*ingest)->Commit();
  EXPECT_TRUE(absl::IsAborted(late.status())) << late.status();
  EXPECT_THAT(std::string(late.status().message()), HasSubstr("taken it for dead"));
  EXPECT_EQ(Add(b, "d"), "d@1");
  Pass(5 * kLease, {&a, &b});
  EXPECT_TRUE((*a->OpenDataset("d"))->Verify().ok());
}

TEST_P(SharedStoreTest, AStoreThatDidNotAnswerLetsNobodyBeTakenForDead) {
  const TestServer a = Start();
  const TestServer b = Start();
  Pass(std::chrono::seconds(3), {&a, &b});
  auto ingest = b->StartIngest({.name = "d"});
  ASSERT_TRUE((*ingest)->Append(TwoGraphs()).ok());
  now_ += 3 * kLease;  // nobody could look
  Pass(std::chrono::seconds(2), {&a});
  Pass(std::chrono::seconds(2), {&a, &b});
  const auto info = (*ingest)->Commit();
  EXPECT_TRUE(info.ok()) << info.status();
}

TEST_P(SharedStoreTest, WhatIsDeletedStaysForReadersElsewhere) {
  const TestServer a = Start();
  const TestServer b = Start();
  Add(a, "d", RandomGraphs(3, 200));
  ASSERT_TRUE(b->KeepUp().ok());
  auto dataset = *b->OpenDataset("d");
  ASSERT_TRUE(a->Delete("d", 1).ok());
  Pass(5 * kLease, {&a, &b});
  EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
  dataset.reset();
  Pass(5 * kLease, {&a, &b});
  EXPECT_THAT(StoredColumns(), IsEmpty());
}

TEST_P(SharedStoreTest, WhatIsDeletedAndOpenIsToldOfWhoeverDeletedIt) {
  const TestServer a = Start();
  const TestServer b = Start();
  Add(a, "d");
  Add(a, "e", RandomGraphs(3, 20));
  ASSERT_TRUE(b->KeepUp().ok());
  auto d = *b->OpenDataset("d");
  const auto e = *b->OpenDataset("e");
  EXPECT_THAT(b->DeletedButOpen(), IsEmpty());
  ASSERT_TRUE(a->Delete("d", 1).ok());
  ASSERT_TRUE(b->KeepUp().ok());
  EXPECT_THAT(b->DeletedButOpen(), ElementsAre(d->info().fingerprint));
  EXPECT_THAT(a->DeletedButOpen(), IsEmpty());
  d.reset();
  EXPECT_THAT(b->DeletedButOpen(), IsEmpty());
  ASSERT_TRUE(b->Delete("e", 1).ok());
  EXPECT_THAT(b->DeletedButOpen(), ElementsAre(e->info().fingerprint));
}

TEST_P(SharedStoreTest, WhatWasRemovedWhileItWasReadIsNoDamage) {
  const TestServer a = Start();
  const TestServer b = Start();
  Add(a, "d", RandomGraphs(3, 200));
  Add(a, "e");
  ASSERT_TRUE(b->KeepUp().ok());
  const auto d = *b->OpenDataset("d");
  const auto e = *b->OpenDataset("e");
  ASSERT_TRUE(a->Delete("d", 1).ok());
  Pass(5 * kLease, {&a});  // the other one is silent
  const absl::Status status = d->Verify();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_EQ(b->WhyNotRead(e->info(), status), status) << "that one is there";
  EXPECT_TRUE(absl::IsNotFound(b->WhyNotRead(d->info(), status)));
  const absl::Status other = absl::UnavailableError("x");
  EXPECT_EQ(b->WhyNotRead(d->info(), other), other);
}

TEST_P(SharedStoreTest, ASweepThatNobodyWantsLeavesTheRestToOthers) {
  const TestServer a = Start();
  std::optional<TestServer> b = Start();
  Add(a, "d", RandomGraphs(3, 200));
  ASSERT_TRUE(a->Delete("d", 1).ok());
  for (int i = 0; i < 50; ++i) {
    now_ += std::chrono::seconds(1);
    ASSERT_TRUE(a->KeepUp().ok());
    ASSERT_TRUE((*b)->KeepUp().ok());
  }
  b->store->FailRemovals(1);  // as when it is broken off
  EXPECT_FALSE((*b)->Sweep().ok());
  b.reset();
  Pass(5 * kLease, {&a});
  Pass(5 * kLease, {&a});
  EXPECT_THAT(StoredColumns(), IsEmpty());
}

// On a busy machine, or while OSDs come and go, no round need be short.
TEST_P(SharedStoreTest, AllIsSweptHoweverLongRoundsTake) {
  const TestServer a = Start();
  const TestServer b = Start();
  TestServer dead = Start();
  {
    auto ingest = dead->StartIngest({.name = "e"});
    ASSERT_TRUE((*ingest)->Append(TwoGraphs()).ok());
    dead.store->Die();
  }
  dead.catalog.reset();
  Add(a, "d");
  ASSERT_TRUE(a->Delete("d", 1).ok());
  EXPECT_THAT(StoredColumns(), Not(IsEmpty()));
  for (int round = 0; round < 12; ++round) {
    now_ += kLease * 2 / 3;
    for (const TestServer* server : {&a, &b}) {
      ASSERT_TRUE((*server)->KeepUp().ok());
      ASSERT_TRUE((*server)->Sweep().ok());
    }
  }
  EXPECT_THAT(StoredColumns(), IsEmpty());
  EXPECT_THAT(*ServersOf(StoredRecords()), SizeIs(2)) << "who is slow is not dead";
}

TEST_P(SharedStoreTest, WhatCannotBeRemovedTheNextSweepTriesAgain) {
  const TestServer a = Start();
  Add(a, "d");
  ASSERT_TRUE(a->Delete("d", 1).ok());
  Pass(kLease, {&a});
  Pass(kLease, {});
  a.store->FailRemovals(1);
  now_ += kLease;
  ASSERT_TRUE(a->KeepUp().ok());
  EXPECT_TRUE(absl::IsUnavailable(a->Sweep()));
  EXPECT_THAT(StoredColumns(), Not(IsEmpty()));
  EXPECT_TRUE(a->Sweep().ok());
  EXPECT_THAT(StoredColumns(), IsEmpty());
}

TEST_P(SharedStoreTest, AVersionMadeOfADeletedOneKeepsItsColumns) {
  const TestServer a = Start();
  const TestServer b = Start();
  Add(a, "d");
  ASSERT_TRUE(b->KeepUp().ok());
  {
    const auto base = *b->OpenDataset("d");
    ASSERT_TRUE(a->Delete("d", 1).ok());
    Pass(kLease, {&a, &b});
    const auto info = b->AddColumn(
        *base, Column("part", DType::kInt64, {}, {3, 2}, Bytes<int64_t>({1, 2, 3, 4, 5})));
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->version, 2);
  }
  Pass(5 * kLease, {&a, &b});
  const auto dataset = a->OpenDataset("d@2");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_TRUE((*dataset)->Verify().ok());
  ASSERT_TRUE(a->Delete("d", 2).ok());
}

TEST_P(SharedStoreTest, AServerThatEndsLeavesNoRecord) {
  {
    const TestServer a = Start();
    Add(a, "d");
    auto ingest = a->StartIngest({.name = "e"});
    ASSERT_TRUE((*ingest)->Append(TwoGraphs()).ok());
    ingest->reset();
    ASSERT_TRUE(a->Delete("d", 1).ok());
  }
  EXPECT_THAT(*ServersOf(StoredRecords()), IsEmpty());
}

TEST_P(SharedStoreTest, NoSnapshotIsMadeOfWhatMakesNone) {
  const TestServer a = Start();
  const absl::Status status = a->Snapshot("/nowhere").status();
  EXPECT_TRUE(absl::IsUnimplemented(status)) << status;
}

// Servers that come, go, die, ingest, delete and read in a random order: what is listed can always
// be read, what is open stays whole, and in the end nothing else is stored.
struct History {
  StoreKind kind;
  int seed = 0;
  int steps = 0;
};

std::vector<History> Histories() {
  std::vector<History> histories;
  for (int seed = 0; seed < 40; ++seed) {
    histories.push_back({.kind = StoreKind::kSharedMemory, .seed = seed, .steps = 400});
  }
  for (int seed = 0; CephFolder() != nullptr && seed < 2; ++seed) {
    histories.push_back({.kind = StoreKind::kRados, .seed = 100 + seed, .steps = 100});
  }
  return histories;
}

class SharedStoreHistoryTest : public SharedStores, public testing::WithParamInterface<History> {
 protected:
  SharedStoreHistoryTest() : SharedStores(GetParam().kind) {}

  struct Actor {
    TestServer server;
    std::vector<std::unique_ptr<GraphSink>> ingests;
    std::vector<std::shared_ptr<Dataset>> open;
  };

  size_t Random(size_t below) { return rng_() % below; }

  void Act(Actor& actor) {
    const TestServer& server = actor.server;
    const std::vector<DatasetInfo> infos = server->List();
    const std::string name = Random(2) == 0 ? "d" : "e";
    switch (Random(9)) {
      case 0:
      case 1: {
        auto ingest = server->StartIngest({.name = name});
        ASSERT_TRUE(ingest.ok()) << ingest.status();
        ASSERT_TRUE((*ingest)->Append(RandomGraphs(Random(100), 4)).ok());
        actor.ingests.push_back(*std::move(ingest));
        return;
      }
      case 2:
      case 3: {
        if (actor.ingests.empty()) return;
        const auto info = actor.ingests.back()->Commit();
        ASSERT_TRUE(info.ok()) << info.status();
        EXPECT_TRUE(numbers_.emplace(info->name, info->version).second)
            << info->name << "@" << info->version << " was given out twice";
        actor.ingests.pop_back();
        return;
      }
      case 4:
        if (!actor.ingests.empty()) actor.ingests.pop_back();
        return;
      case 5: {
        if (infos.empty()) return;
        const DatasetInfo& info = infos[Random(infos.size())];
        const absl::Status status = server->Delete(info.name, info.version);
        EXPECT_TRUE(status.ok() || absl::IsNotFound(status)) << status;
        return;
      }
      case 6: {
        if (infos.empty()) return;
        const DatasetInfo& info = infos[Random(infos.size())];
        auto dataset = server->OpenDataset(absl::StrCat(info.name, "@", info.version));
        ASSERT_TRUE(dataset.ok()) << dataset.status();
        actor.open.push_back(*std::move(dataset));
        return;
      }
      case 7:
        if (!actor.open.empty()) actor.open.pop_back();
        return;
      default:
        for (const auto& dataset : actor.open) {
          const absl::Status status = dataset->Verify();
          EXPECT_TRUE(status.ok()) << status;
        }
    }
  }

  std::mt19937_64 rng_{static_cast<uint64_t>(GetParam().seed)};
  std::set<std::pair<std::string, int64_t>> numbers_;
};
INSTANTIATE_TEST_SUITE_P(
    Seeds, SharedStoreHistoryTest, testing::ValuesIn(Histories()), [](const auto& history) {
      return StoreKindName({history.param.kind, 0}) + std::to_string(history.param.seed);
    });

TEST_P(SharedStoreHistoryTest, NothingIsLostAndNothingIsLeft) {
  std::vector<std::unique_ptr<Actor>> actors;
  const auto alive = [&] {
    std::vector<const TestServer*> servers;
    for (const auto& actor : actors) servers.push_back(&actor->server);
    return servers;
  };
  for (int step = 0; step < GetParam().steps && !HasFailure(); ++step) {
    const size_t what = Random(40);
    if (actors.empty() || (what == 0 && actors.size() < 4)) {
      actors.push_back(std::make_unique<Actor>());
      actors.back()->server = Start();
    } else if (what == 1) {
      const size_t i = Random(actors.size());
      if (Random(2) == 0) actors[i]->server.store->Die();
      actors.erase(actors.begin() + static_cast<std::ptrdiff_t>(i));
    } else if (what < 6) {
      Pass(std::chrono::seconds(Random(25)), alive());
    } else {
      Act(*actors[Random(actors.size())]);
    }
  }
  actors.clear();
  const TestServer last = Start();
  Pass(5 * kLease, {&last});
  for (const DatasetInfo& info : last->List()) {
    const auto dataset = last->OpenDataset(absl::StrCat(info.name, "@", info.version));
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    EXPECT_TRUE((*dataset)->Verify().ok());
  }
  for (const DatasetInfo& info : last->List()) {
    EXPECT_TRUE(last->Delete(info.name, info.version).ok());
  }
  Pass(5 * kLease, {&last});
  EXPECT_THAT(StoredColumns(), IsEmpty());
  EXPECT_EQ(FindRecord(StoredRecords(), "set_aside"), std::nullopt);
}

}  // namespace
}  // namespace graphfeed
