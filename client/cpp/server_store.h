#ifndef GRAPHFEED_CLIENT_CPP_SERVER_STORE_H_
#define GRAPHFEED_CLIENT_CPP_SERVER_STORE_H_

#include <memory>

#include "client/cpp/client.h"
#include "storage/graph/dataset_store.h"

namespace graphfeed {

// The server of a client as what versions go into or come from.
std::unique_ptr<DatasetStore> NewServerStore(std::unique_ptr<Client> client);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_SERVER_STORE_H_
