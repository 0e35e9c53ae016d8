// Servers over one store that does not answer at times, and what others do at the wrong moment.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "storage/catalog.h"
#include "storage/servers.h"
#include "tests/storage/graph_blocks.h"
#include "tests/storage/mortal_store.h"
#include "tests/storage/shared_stores.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

class SharedStoreFaultTest : public SharedStores, public testing::WithParamInterface<StoreKind> {
 protected:
  SharedStoreFaultTest() : SharedStores(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(All, SharedStoreFaultTest,
                         testing::ValuesIn(AndRados({StoreKind::kSharedMemory})), StoreKindName);

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

}  // namespace
}  // namespace graphfeed
