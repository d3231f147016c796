"""The peers: what agents keep their sessions in elsewhere. Each runs in an environment of its own."""
