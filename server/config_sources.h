#ifndef GRAPHFEED_SERVER_CONFIG_SOURCES_H_
#define GRAPHFEED_SERVER_CONFIG_SOURCES_H_

#include <functional>
#include <string>
#include <vector>

#include "server/config.h"

namespace graphfeed {

// The variable's value; null if it is not set.
using Environment = std::function<const char*(const char* name)>;

// Both set what they name and add a line to `problems` for each thing that is wrong.

// A YAML file of one map: names of flags to their values. Unknown and repeated names are problems.
void ReadConfigFile(const std::string& path, ServerConfig& config,
                    std::vector<std::string>& problems);
// GRAPHFEED_DATA_DIR and so on; what is empty is as if it was not set.
void ReadEnvironment(const Environment& environment, ServerConfig& config,
                     std::vector<std::string>& problems);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_CONFIG_SOURCES_H_
