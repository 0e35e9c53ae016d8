#ifndef GRAPHFEED_CLIENT_LOCAL_LOCAL_H_
#define GRAPHFEED_CLIENT_LOCAL_LOCAL_H_

namespace graphfeed {

// From now on clients of this process take the endpoint "local:DIR": a data folder, which the
// process serves to itself, without a socket or a copy between. All clients of a folder share one
// server, which lasts as long as one of them or of their streams.
//
// A folder is read beside whoever writes to it; the first call that writes takes the folder for
// writing, makes it if it is not there, and keeps it until the last client has gone. What another
// process has published is there for the next call. A forked child opens folders anew.
//
// The server's flags are those of the environment's GRAPHFEED_LOCAL_FLAGS, separated by spaces, as
// in "--memory-budget=4G --build-threads=2"; what concerns listening does nothing.
void ServeLocalEndpoints();

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_LOCAL_LOCAL_H_
