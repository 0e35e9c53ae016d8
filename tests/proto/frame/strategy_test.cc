#include "proto/frame/strategy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphfeed {
namespace {

using testing::ElementsAre;

TEST(StrategyTest, EachSaysWhatItDoes) {
  const auto does = [](Strategy strategy) {
    return std::vector<bool>{Packs(strategy), Samples(strategy), Pads(strategy)};
  };
  EXPECT_THAT(does(Strategy::kPlain), ElementsAre(false, false, false));
  EXPECT_THAT(does(Strategy::kPadToMax), ElementsAre(false, false, true));
  EXPECT_THAT(does(Strategy::kStreamPack), ElementsAre(true, false, true));
  EXPECT_THAT(does(Strategy::kNeighbor), ElementsAre(false, true, true));
  EXPECT_THAT(does(Strategy::kCluster), ElementsAre(false, true, true));
  EXPECT_THAT(does(Strategy::kPack), ElementsAre(true, false, true));
  EXPECT_THAT(does(static_cast<Strategy>(0)), ElementsAre(false, false, false));
}

TEST(NamedEnumTest, NamesAndFlagsLeadBackToTheirValues) {
  EXPECT_EQ(NameOf(OverSize::kTrimNodesAndEdges), "trim_nodes_and_edges");
  EXPECT_EQ(FlagOf(OverSize::kTrimNodesAndEdges), "trim");
  for (const auto& entry : EnumTable<OverSize>::kEntries) {
    EXPECT_EQ(FromName<OverSize>(entry.name), entry.value);
    EXPECT_EQ(FromFlag<OverSize>(entry.flag), entry.value);
    EXPECT_EQ(FromNumber<OverSize>(static_cast<int>(entry.value)), entry.value);
  }
  EXPECT_EQ(FromName<OverSize>("trim"), std::nullopt);
  EXPECT_EQ(FromFlag<OverSize>("trim_nodes"), std::nullopt);
}

TEST(NamedEnumTest, NumbersThatAreNoValueAreToldApart) {
  EXPECT_EQ(FromNumber<Strategy>(0), std::nullopt);
  EXPECT_EQ(FromNumber<Strategy>(7), std::nullopt);
  EXPECT_EQ(FromNumber<Strategy>(257), std::nullopt) << "not cut to the enum's width";
  EXPECT_FALSE(Exists(static_cast<Strategy>(7)));
  EXPECT_EQ(NameOf(static_cast<Strategy>(7)), "unknown");
}

}  // namespace
}  // namespace graphfeed
