#include "server/serving/admission.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

TEST(AdmissionTest, GivesWhatIsFreeAndTakesItBack) {
  Admission admission("streams", 1000, 10);
  auto first = admission.Reserve(100, 4);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ((*first)->frames(), 4u);
  EXPECT_EQ(admission.reserved_bytes(), 400);
  auto second = admission.Reserve(100, 64);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ((*second)->frames(), 6u) << "clamped to what is free";
  EXPECT_EQ(admission.reserved_bytes(), 1000);
  first->reset();
  EXPECT_EQ(admission.reserved_bytes(), 600);
  second->reset();
  EXPECT_EQ(admission.reserved_bytes(), 0);
}

TEST(AdmissionTest, PlacesMayOutliveIt) {
  std::shared_ptr<Admission::Place> place;
  {
    Admission admission("streams", 1000, 10);
    place = *admission.Reserve(100, 4);
  }
  EXPECT_EQ(place->bytes(), 400);
  place.reset();  // nothing of the admission is touched: ASan sees it
}

TEST(AdmissionTest, RefusalSaysWhatIsNeededAndFree) {
  Admission admission("streams", 1000, 10);
  auto first = admission.Reserve(700, 1);
  ASSERT_TRUE(first.ok());
  const auto second = admission.Reserve(301, 1);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("a frame needs up to 301 bytes; 300 of 1000 are free (--slab-memory)"));
  EXPECT_EQ(admission.reserved_bytes(), 700) << "a refusal holds nothing";
  EXPECT_TRUE(admission.Reserve(300, 1).ok());
}

TEST(AdmissionTest, WhatIsBesideFramesIsReservedWholeAndFramesAreClampedToTheRest) {
  Admission admission("streams", 1000, 10);
  auto place = admission.Reserve(100, 64, /*fixed_bytes=*/450);
  ASSERT_TRUE(place.ok());
  EXPECT_EQ((*place)->frames(), 5u);
  EXPECT_EQ((*place)->bytes(), 950);
  EXPECT_EQ(admission.reserved_bytes(), 950);
  place->reset();
  EXPECT_EQ(admission.reserved_bytes(), 0);

  const auto refused = admission.Reserve(100, 64, 901);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("a frame needs up to 100 bytes, lists 901 beside it; 1000 of "
                        "1000 are free (--slab-memory)"));
  EXPECT_EQ(admission.reserved_bytes(), 0);
  EXPECT_TRUE(admission.Reserve(100, 64, 900).ok());
}

TEST(AdmissionTest, WhatStreamsShareTakesNoPlaceAndLeavesWhatItIsAskedTo) {
  Admission admission("streams", 1000, 1);
  auto shared = admission.ReserveShared("a table", 400, /*leave_bytes=*/600);
  ASSERT_TRUE(shared.ok());
  EXPECT_EQ(admission.reserved_bytes(), 400);
  EXPECT_FALSE(admission.ReserveShared("a table", 400, 201).ok());
  const auto refused = admission.ReserveShared("a table", 601);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.status().message(),
            "slab memory: a table takes 601 bytes; 600 of 1000 are free (--slab-memory)");
  EXPECT_FALSE(admission.ReserveShared("a table", INT64_MAX, INT64_MAX).ok());
  auto stream = admission.Reserve(100, 1);
  EXPECT_TRUE(stream.ok()) << "the only place is free";
  shared->reset();
  EXPECT_EQ(admission.reserved_bytes(), 100);
  EXPECT_FALSE(admission.Reserve(100, 1).ok());
}

TEST(AdmissionTest, APlaceWithinAnotherHasAsManyFrames) {
  Admission server("streams", 1000, 10);
  Admission share("slab-bytes of \"a\"", 500, 10, nullptr);
  auto within = share.Reserve(100, 4, 50);
  ASSERT_TRUE(within.ok());
  EXPECT_EQ(share.reserved_bytes(), 450);
  auto other = server.Reserve(100, 7);
  auto place = server.Reserve(
      {.frame_bytes = 100, .frames = 4, .fixed_bytes = 50, .within = *std::move(within)});
  ASSERT_TRUE(place.ok());
  EXPECT_EQ((*place)->frames(), 2u) << "the server has no more";
  EXPECT_EQ(share.reserved_bytes(), 250);
  (*place)->Shrink(1);
  EXPECT_EQ(share.reserved_bytes(), 150);
  EXPECT_TRUE((*place)->Grow(2));
  EXPECT_EQ(share.reserved_bytes(), 250);
  EXPECT_FALSE((*place)->Grow(3)) << "nothing is free at the server";
  EXPECT_EQ(share.reserved_bytes(), 250);
  other->reset();
  EXPECT_TRUE((*place)->Grow(3));
  EXPECT_TRUE((*place)->Grow(4));
  EXPECT_FALSE((*place)->Grow(5)) << "nothing is free in its share";
  EXPECT_EQ(server.reserved_bytes(), 450);
  const auto refused = share.Reserve(100, 1);
  EXPECT_EQ(refused.status().message(),
            "slab-bytes of \"a\": a frame needs up to 100 bytes; 50 of 500 are free");
  place->reset();
  EXPECT_EQ(share.reserved_bytes(), 0);
  EXPECT_EQ(server.reserved_bytes(), 0);
}

TEST(AdmissionTest, CountsPlaces) {
  Admission admission("ingests", 0, 2);
  auto first = admission.Reserve(0, 1);
  auto second = admission.Reserve(0, 1);
  ASSERT_TRUE(first.ok() && second.ok());
  const auto third = admission.Reserve(0, 1);
  EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(third.status().message()), HasSubstr("ingests: 2 are open; at most 2"));
  first->reset();
  EXPECT_TRUE(admission.Reserve(0, 1).ok());
}

TEST(AdmissionTest, HugeFramesDoNotOverflow) {
  Admission admission("streams", int64_t{1} << 62, 10);
  EXPECT_FALSE(admission.Reserve(INT64_MAX, UINT32_MAX).ok());
  EXPECT_FALSE(admission.Reserve(INT64_MAX, UINT32_MAX, INT64_MAX).ok());
  EXPECT_FALSE(admission.Reserve(1, 1, INT64_MAX).ok());
  auto place = admission.Reserve(int64_t{1} << 61, UINT32_MAX);
  ASSERT_TRUE(place.ok());
  EXPECT_EQ((*place)->frames(), 2u);
}

}  // namespace
}  // namespace graphfeed
