#ifndef GRAPHFEED_STORAGE_CHUNKS_TABLE_GUARD_H_
#define GRAPHFEED_STORAGE_CHUNKS_TABLE_GUARD_H_

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace graphfeed {

// The default Env, which looks at a table's properties before RocksDB opens it: 7.8 parses them
// first and verifies their checksum then, and the assertions that are on in Debian's build end the
// process where a single bit is wrong. Such a table is a corruption like any other. Lives for ever.
rocksdb::Env* GuardedEnv();

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_TABLE_GUARD_H_
