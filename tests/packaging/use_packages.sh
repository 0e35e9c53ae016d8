# In a system that has graphfeed-server, graphfeed and python3-graphfeed: the main job, as the
# service's user runs it. $1: folder of a TU dataset.
set -e
. /etc/default/graphfeed-server
# Its own port is another server's, where the network is.
setpriv --reuid graphfeed --regid graphfeed --clear-groups graphfeed-server \
    --data-dir /var/lib/graphfeed $GRAPHFEED_SERVER_FLAGS --listen 127.0.0.1:0 > /tmp/server.log 2>&1 &
server=$!
for _ in $(seq 100); do
    grep -q 'listening on' /tmp/server.log && break
    sleep 0.1
done
address=$(sed -n 's/listening on //p' /tmp/server.log)
graphfeed import tu "$1" --name mutag --server "$address"
graphfeed describe mutag --server "$address"
graphfeed stream mutag --server "$address" --batch-size 10
GRAPHFEED_ADDRESS=$address python3 - <<'PYTHON'
import os
import graphfeed as gf

dataset = gf.connect(os.environ["GRAPHFEED_ADDRESS"]).dataset("mutag")
loader = gf.FixedSizeDataLoader(dataset, batch_size=10, fixed_size_strategy="Pack")
graphs = sum(batch.num_real_graphs for batch in loader)
assert graphs == len(dataset) == 188, graphs
print("python:", gf.__version__, gf.__file__, len(loader), "batches")
PYTHON
kill -TERM $server
wait $server
grep -q stopped /tmp/server.log
