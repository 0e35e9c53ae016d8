#include "server/serving/plan_cache.h"

#include <atomic>
#include <latch>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/batching/resolved_spec.h"
#include "storage/base/work_scope.h"
#include "tests/support/memory_features.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using PlanOr = absl::StatusOr<std::shared_ptr<const EpochPlan>>;

// Plans of a dataset of `num_graphs` graphs, one frame each; they take 8 bytes a graph and more.
class PlanCacheTest : public testing::Test {
 protected:
  PlanCacheTest() : data_(Schema::Homogeneous(/*collection=*/true)) {
    for (int i = 0; i < 100; ++i) data_.AddGraph({1}, {0});
    data_.Finish();
    BatchSpec request;
    request.strategy = Strategy::kStreamPack;
    request.options = FixedSizeOptions{
        .num_nodes = {{"", 4}}, .num_edges = {{"", 4}}, .num_graphs = 2, .pad_graph_defaults = {}};
    absl::StatusOr<ResolvedSpec> spec = ResolveSpec(request, data_.info(), data_.offsets());
    EXPECT_TRUE(spec.ok()) << spec.status();
    if (spec.ok()) spec_ = *std::move(spec);
    plan_bytes_ = Make(0).value()->memory_bytes();
  }

  PlanOr Make(int64_t epoch) {
    ++made_;
    auto plan = EpochPlan::Create(spec_, data_.offsets(), 0, epoch);
    if (!plan.ok()) return plan.status();
    return std::shared_ptr<const EpochPlan>(*std::move(plan));
  }
  PlanOr Get(PlanCache& cache, int64_t epoch, uint8_t dataset = 0) {
    PlanKey key{.epoch = epoch};
    key.fingerprint[0] = dataset;
    return GetOr(cache, key, [&] { return Make(epoch); });
  }
  // Of one that nobody else is making.
  static PlanOr GetOr(PlanCache& cache, const PlanKey& key, absl::FunctionRef<PlanOr()> make) {
    PlanOr plan = absl::UnknownError("somebody else is making it");
    cache.Get(key, make, [&plan](PlanOr got) { plan = std::move(got); });
    return plan;
  }

  MemoryDataset data_;
  ResolvedSpec spec_;
  int64_t plan_bytes_ = 0;
  std::atomic<int> made_ = 0;
};

TEST_F(PlanCacheTest, TheSamePlanIsMadeOnce) {
  PlanCache cache(10 * plan_bytes_);
  made_ = 0;
  const auto first = Get(cache, 5);
  const auto second = Get(cache, 5);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->get(), second->get());
  EXPECT_EQ((*first)->epoch(), 5);
  EXPECT_EQ(made_, 1);
  EXPECT_EQ(cache.bytes(), plan_bytes_);
}

TEST_F(PlanCacheTest, WhatIsChargedBesidePlansTakesTheirPlace) {
  PlanCache cache(2 * plan_bytes_);
  ASSERT_TRUE(Get(cache, 1).ok());
  auto used = Get(cache, 2);
  ASSERT_TRUE(used.ok());
  EXPECT_EQ(cache.bytes(), 2 * plan_bytes_);
  {
    const auto charge = cache.Charge("a histogram", plan_bytes_);
    ASSERT_TRUE(charge.ok()) << charge.status();
    EXPECT_EQ(cache.bytes(), 2 * plan_bytes_) << "the unused plan has made way";
    EXPECT_EQ(cache.Charge("another", 1).status(),
              absl::ResourceExhaustedError(
                  absl::StrCat("another needs 1 bytes; 0 of ", 2 * plan_bytes_, " are free")));
    EXPECT_FALSE(Get(cache, 3).ok());
  }
  EXPECT_EQ(cache.bytes(), plan_bytes_);
  EXPECT_TRUE(Get(cache, 3).ok());
}

TEST_F(PlanCacheTest, WhoAsksWhileItIsMadeGoesOnWhenItIsThereAndNobodyWaits) {
  PlanCache cache(10 * plan_bytes_);
  made_ = 0;
  std::vector<int> order;
  std::vector<PlanOr> plans(4, absl::UnknownError(""));
  const auto keep = [&](int i) {
    return [&order, &plans, i](PlanOr plan) {
      order.push_back(i);
      plans[i] = std::move(plan);
    };
  };
  // All on one thread: a Get that waited would never return.
  cache.Get(
      PlanKey{},
      [&] {
        for (int i = 1; i < 4; ++i)
          cache.Get(
              PlanKey{}, [&] { return Make(0); }, keep(i));
        EXPECT_THAT(order, IsEmpty());
        return Make(0);
      },
      keep(0));
  EXPECT_EQ(made_, 1);
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
  for (const PlanOr& plan : plans) {
    ASSERT_TRUE(plan.ok());
    EXPECT_EQ(plan->get(), plans[0]->get());
  }
}

TEST_F(PlanCacheTest, WhoAsksWhileItIsMadeSharesTheErrorAndWhoAsksThenDoesNot) {
  PlanCache cache(10 * plan_bytes_);
  absl::Status first;
  absl::Status second;
  cache.Get(
      PlanKey{},
      [&]() -> PlanOr {
        cache.Get(
            PlanKey{}, [&] { return Make(0); },
            [&](const PlanOr& plan) { second = plan.status(); });
        return absl::FailedPreconditionError("graph 17");
      },
      [&](const PlanOr& plan) {
        first = plan.status();
        EXPECT_TRUE(Get(cache, 0).ok()) << "no lock is held, and errors are not kept";
      });
  EXPECT_EQ(first, absl::FailedPreconditionError("graph 17"));
  EXPECT_EQ(second, first);
}

TEST_F(PlanCacheTest, AMakingIsWantedUntilTheLastWhoAskedHasGone) {
  PlanCache cache(10 * plan_bytes_);
  const auto first = std::make_shared<std::atomic<bool>>(false);
  const auto second = std::make_shared<std::atomic<bool>>(false);
  std::vector<absl::Status> ends(3, absl::UnknownError(""));
  const auto keep = [&](size_t i) {
    return [&ends, i](const PlanOr& plan) { ends[i] = plan.status(); };
  };
  const WorkScope scope(first);
  cache.Get(
      PlanKey{},
      [&]() -> PlanOr {
        {
          const WorkScope other(second);
          cache.Get(
              PlanKey{}, [&] { return Make(0); }, keep(1));
        }
        *first = true;
        EXPECT_TRUE(CheckWanted().ok()) << "the second still wants it";
        *second = true;
        const absl::Status status = CheckWanted();
        EXPECT_TRUE(absl::IsCancelled(status)) << status;
        // Who comes now has a making of its own.
        const WorkScope third(std::make_shared<std::atomic<bool>>(false));
        cache.Get(
            PlanKey{}, [&] { return Make(0); }, keep(2));
        return status;
      },
      keep(0));
  EXPECT_TRUE(absl::IsCancelled(ends[0]));
  EXPECT_TRUE(absl::IsCancelled(ends[1]));
  EXPECT_TRUE(ends[2].ok()) << ends[2];
  EXPECT_TRUE(Get(cache, 0).ok());
}

TEST_F(PlanCacheTest, WhatGoesOnForSomebodyWorksForHisCall) {
  PlanCache cache(10 * plan_bytes_);
  const auto mine = std::make_shared<std::atomic<bool>>(false);
  CancelToken seen;
  cache.Get(
      PlanKey{},
      [&] {
        const WorkScope scope(mine);
        cache.Get(
            PlanKey{}, [&] { return Make(0); }, [&](const PlanOr&) { seen = WorkScope::Token(); });
        return Make(0);
      },
      [](const PlanOr&) {});
  EXPECT_EQ(seen, mine);
  EXPECT_EQ(WorkScope::Token(), nullptr);
}

TEST_F(PlanCacheTest, AnAllocationThatFailsIsAnErrorOfAllWhoAsked) {
  PlanCache cache(10 * plan_bytes_);
  absl::Status second;
  const PlanOr first = GetOr(cache, PlanKey{}, [&]() -> PlanOr {
    cache.Get(
        PlanKey{}, [&] { return Make(0); }, [&](const PlanOr& plan) { second = plan.status(); });
    throw std::bad_alloc();
  });
  EXPECT_TRUE(absl::IsResourceExhausted(first.status())) << first.status();
  EXPECT_EQ(second, first.status());
  EXPECT_TRUE(Get(cache, 0).ok());
}

TEST_F(PlanCacheTest, ManyThreadsShareOneMaking) {
  PlanCache cache(10 * plan_bytes_);
  made_ = 0;
  constexpr int kThreads = 6;
  std::latch start(kThreads);
  std::latch done(kThreads);
  std::vector<PlanOr> plans(kThreads, absl::UnknownError(""));
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      cache.Get(
          PlanKey{}, [&] { return Make(0); },
          [&, i](PlanOr plan) {
            plans[i] = std::move(plan);
            done.count_down();
          });
    });
  }
  done.wait();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made_, 1);
  for (const PlanOr& plan : plans) {
    ASSERT_TRUE(plan.ok());
    EXPECT_EQ(plan->get(), plans[0]->get());
  }
}

TEST_F(PlanCacheTest, ErrorsAreNotKept) {
  PlanCache cache(10 * plan_bytes_);
  const auto failed =
      GetOr(cache, PlanKey{}, []() -> PlanOr { return absl::FailedPreconditionError("graph 17"); });
  EXPECT_EQ(failed.status(), absl::FailedPreconditionError("graph 17"));
  EXPECT_TRUE(Get(cache, 0).ok());
}

TEST_F(PlanCacheTest, TheOldestUnusedPlanGivesWay) {
  PlanCache cache(2 * plan_bytes_);
  ASSERT_TRUE(Get(cache, 0).ok());
  ASSERT_TRUE(Get(cache, 1).ok());
  ASSERT_TRUE(Get(cache, 0).ok());  // now 1 is the oldest
  ASSERT_TRUE(Get(cache, 2).ok());
  EXPECT_EQ(cache.bytes(), 2 * plan_bytes_);
  made_ = 0;
  ASSERT_TRUE(Get(cache, 0).ok());
  EXPECT_EQ(made_, 0);
  ASSERT_TRUE(Get(cache, 1).ok());
  EXPECT_EQ(made_, 1);
}

TEST_F(PlanCacheTest, PlansInUseStayAndLeaveNoRoom) {
  PlanCache cache(2 * plan_bytes_);
  const auto first = Get(cache, 0);
  auto second = Get(cache, 1);
  ASSERT_TRUE(first.ok() && second.ok());
  const auto third = Get(cache, 2);
  EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(third.status().message()), HasSubstr("plan memory: epoch 2's plan"));
  EXPECT_EQ(cache.bytes(), 2 * plan_bytes_);
  *second = nullptr;
  EXPECT_TRUE(Get(cache, 2).ok());
}

TEST_F(PlanCacheTest, NeverMoreThanKMaxEntries) {
  PlanCache cache(int64_t{1} << 40);
  for (int epoch = 0; epoch < 200; ++epoch) ASSERT_TRUE(Get(cache, epoch).ok());
  EXPECT_EQ(cache.bytes(), static_cast<int64_t>(PlanKey::kMaxEntries) * plan_bytes_);
}

TEST_F(PlanCacheTest, ForgottenPlansGoWhenTheyAreReleased) {
  PlanCache cache(10 * plan_bytes_);
  const auto other = Get(cache, 0, /*dataset=*/1);
  auto used = Get(cache, 0, /*dataset=*/2);
  ASSERT_TRUE(Get(cache, 1, /*dataset=*/2).ok());
  ASSERT_TRUE(Get(cache, 0, /*dataset=*/3).ok());
  Fingerprint fingerprint{};
  fingerprint[0] = 2;
  cache.Forget(fingerprint);
  EXPECT_EQ(cache.bytes(), 3 * plan_bytes_);
  EXPECT_EQ((*used)->num_frames(), 100);
  *used = nullptr;
  EXPECT_EQ(cache.bytes(), 2 * plan_bytes_);
  made_ = 0;
  ASSERT_TRUE(Get(cache, 0, /*dataset=*/1).ok());
  ASSERT_TRUE(Get(cache, 0, /*dataset=*/2).ok());
  EXPECT_EQ(made_, 1);
}

TEST_F(PlanCacheTest, PlansMayOutliveTheCache) {
  auto cache = std::make_unique<PlanCache>(10 * plan_bytes_);
  const auto plan = Get(*cache, 0);
  cache.reset();
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ((*plan)->num_frames(), 100);
}

}  // namespace
}  // namespace graphfeed
