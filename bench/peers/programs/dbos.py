"""DBOS, on PostgreSQL."""

import time
from typing import Any

import sqlalchemy
from dbos import DBOS, DBOSClient, DBOSConfig

from bench.peers.program import Payload, Peer, main, note

QUEUE = "bench"


@DBOS.workflow(name="nothing")
def nothing(given: Payload) -> None:
    note(given["sent"])


class Dbos(Peer):
    distribution = "dbos"
    settings = "polling every 10 ms, 50 at once"

    def __init__(self, url: str, redis: str) -> None:
        super().__init__(url.replace("postgresql://", "postgresql+psycopg://"), redis)

    def _launch(self) -> None:
        config: DBOSConfig = {
            "name": "bench",
            "system_database_url": self.url,
            "application_version": "1",
            "log_level": "WARNING",
            "sys_db_pool_size": 20,
        }
        DBOS(config=config)
        DBOS.launch()
        DBOS.register_queue(QUEUE, worker_concurrency=50, polling_interval_sec=0.01)

    def install(self) -> None:
        self._launch()
        DBOS.destroy()

    async def open(self) -> None:
        self._client = DBOSClient(system_database_url=self.url)
        self._engine = sqlalchemy.create_engine(self.url)
        self._options: Any = {"workflow_name": "nothing", "queue_name": QUEUE, "app_version": "1"}

    async def one(self, given: Payload) -> None:
        self._client.enqueue(self._options, given)

    async def many(self, given: list[Payload]) -> None:
        with self._engine.begin() as connection:
            for each in given:
                self._client.enqueue_in_transaction(connection, self._options, each)

    async def busy(self) -> bool:
        open_ = "SELECT EXISTS (SELECT FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING'))"
        with self._engine.begin() as connection:
            return bool(connection.execute(sqlalchemy.text(open_)).scalar_one())

    def work(self) -> None:
        self._launch()
        while True:
            time.sleep(60)


if __name__ == "__main__":
    main(Dbos)
