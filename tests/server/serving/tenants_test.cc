#include "server/serving/tenants.h"

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/frame/error_details.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

Principal Named(const std::string& name, const Quota& quota = {}) {
  return {.name = name, .roles = RoleSet::All(), .datasets = {"*"}, .quota = quota};
}

TEST(TenantsTest, OneOfEachName) {
  ThreadPool pool(1);
  Tenants tenants(pool, pool);
  const auto a = tenants.Of(Named("a"));
  EXPECT_EQ(tenants.Of(Named("a")), a);
  EXPECT_NE(tenants.Of(Named("b")), a);
  Quota quota;
  quota.streams = 3;
  EXPECT_EQ(tenants.Of(Named("a", quota)), a);
  EXPECT_EQ(a->quota().streams, 3);
}

TEST(TenantsTest, WhatRunsCountsTowardsAChangedQuota) {
  ThreadPool pool(1);
  Tenants tenants(pool, pool);
  Quota quota;
  quota.streams = 2;
  quota.slab_bytes = 100;
  const auto tenant = tenants.Of(Named("a", quota));
  auto first = tenant->streams().Reserve(0, 1);
  const auto second = tenant->streams().Reserve(0, 1);
  auto memory = tenant->memory().Reserve(/*frame_bytes=*/30, /*frames=*/3);
  ASSERT_TRUE(first.ok() && second.ok() && memory.ok());

  quota.streams = 1;
  quota.slab_bytes = 50;
  (void)tenants.Of(Named("a", quota));
  first->reset();
  EXPECT_THAT(std::string(tenant->streams().Reserve(0, 1).status().message()),
              HasSubstr("1 are open; at most 1"));
  EXPECT_THAT(std::string(tenant->memory().Reserve(1, 1).status().message()),
              HasSubstr("0 of 50 are free"));
  EXPECT_FALSE((*memory)->Grow(4));
  (*memory)->Shrink(1);
  EXPECT_EQ(tenant->memory().free_bytes(), 20);

  quota.streams = -1;
  (void)tenants.Of(Named("a", quota));
  EXPECT_TRUE(tenant->streams().Reserve(0, 1).ok());
}

TEST(TenantsTest, ThoseThatNobodyUsesAreForgotten) {
  ThreadPool pool(1);
  Tenants tenants(pool, pool);
  const std::weak_ptr<Tenant> unused = tenants.Of(Named("unused"));
  const std::shared_ptr<Tenant> used = tenants.Of(Named("used"));
  EXPECT_FALSE(unused.expired());
  for (int i = 0; i < 1100; ++i) (void)tenants.Of(Named(absl::StrCat("n", i)));
  EXPECT_TRUE(unused.expired());
  EXPECT_EQ(tenants.Of(Named("used")), used);
}

TEST(TenantTest, RequestsBeyondTheRateAreToldWhenToComeBack) {
  ThreadPool pool(1);
  Quota quota;
  quota.requests_per_second = 4;
  Tenant tenant("a", quota, pool, pool);
  using std::chrono::milliseconds;
  const std::chrono::steady_clock::time_point start(std::chrono::hours(1));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(tenant.CountRequest(start).ok()) << i;
  const absl::Status refused = tenant.CountRequest(start);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("requests-per-second of \"a\": 4 are allowed, and have come; "
                        "come back in 250ms"));
  EXPECT_EQ(RetryDelayOf(refused), absl::Milliseconds(250));
  EXPECT_TRUE(tenant.CountRequest(start + milliseconds(250)).ok());
  EXPECT_FALSE(tenant.CountRequest(start + milliseconds(250)).ok());
  EXPECT_FALSE(tenant.CountRequest(start).ok()) << "calls that took their time in another order";
  const auto later = start + std::chrono::hours(1);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(tenant.CountRequest(later).ok()) << i;
  EXPECT_FALSE(tenant.CountRequest(later).ok()) << "an hour's are not saved";
}

TEST(TenantTest, NoneAtAllAndNoLimit) {
  ThreadPool pool(1);
  Quota quota;
  quota.requests_per_second = 0;
  Tenant none("none", quota, pool, pool);
  EXPECT_FALSE(none.CountRequest(std::chrono::steady_clock::now()).ok());
  Tenant free("free", Quota(), pool, pool);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(free.CountRequest({}).ok());
}

TEST(TenantTest, NobodyWaitsForAllThatAnotherHasToBuildOrToPlan) {
  for (const auto queue_of : {&Tenant::build_queue, &Tenant::planning_queue}) {
    std::string order;  // of one thread
    {
      ThreadPool pool(1);
      Tenant a("a", Quota(), pool, pool);
      Tenant b("b", Quota(), pool, pool);
      absl::Notification posted;
      pool.Post([&] { posted.WaitForNotification(); });
      for (int i = 0; i < 50; ++i) {
        (a.*queue_of)().Post([&] { order += 'a'; });
      }
      (b.*queue_of)().Post([&] { order += 'b'; });
      posted.Notify();
    }
    EXPECT_EQ(order.size(), 51);
    EXPECT_LE(order.find('b'), 1) << order;
  }
}

TEST(TenantTest, IngestsAreCounted) {
  ThreadPool pool(1);
  Quota quota;
  quota.ingests = 1;
  Tenant tenant("a", quota, pool, pool);
  const auto first = tenant.ingests().Reserve(0, 1);
  EXPECT_TRUE(first.ok());
  const auto second = tenant.ingests().Reserve(0, 1);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("ingests of \"a\""));
}

}  // namespace
}  // namespace graphfeed
