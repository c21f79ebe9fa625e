"""Becoming acquainted: section 5 of docs/protocol.md, from both sides."""

import threading

import chain as chains
import codec
from peer import OPEN, SILENT, Closed, Peer, listen
from program import Case, Node
from stage import LAB


class Handshake(Case):
    def test_dialling_the_node(self):
        for rules in (chains.REGTEST, LAB, chains.lab(1, 1), chains.lab(24)):
            with self.subTest(chains.rules_text(rules)):
                node = self.node(rules)
                peer = node.dial()
                theirs = peer.theirs
                self.assertEqual(theirs.network, chains.network_id(rules))
                self.assertEqual((theirs.min_version, theirs.max_version, theirs.role), (1, 1, "Node"))
                self.assertEqual((theirs.node.hex(), theirs.listen_port), (node.id, node.address[1]))
                self.assertEqual(int.from_bytes(theirs.best_work, "little"), chains.work_of(rules.start))
                self.assertEqual(theirs.best_height, 0)
                peer.ping()

    def test_being_dialled_after_registering_over_http(self):
        node = self.node()
        listener, address = listen()
        with listener:
            node.register(address)
            peer = Peer.accept(listener, chains.Chain(chains.REGTEST))
            self.assertEqual(peer.theirs.network, chains.network_id(chains.REGTEST))
            peer.ping()
            peer.close()

    def test_being_dialled_as_a_peer_that_was_given_at_the_start(self):
        listener, address = listen()
        with listener:
            self.node(LAB, "--peer", address)
            peer = Peer.accept(listener, chains.Chain(LAB))
            peer.ping()
            peer.close()

    def test_a_challenge_is_new_for_every_connection(self):
        node = self.node()
        challenges = {node.dial().theirs.challenge for _ in range(4)}
        self.assertEqual(len(challenges), 4)

    def test_another_network_is_told_which_one_this_is(self):
        node = self.node(LAB)
        peer = node.connect()
        peer.greet(network=chains.network_id(chains.lab()))
        with self.assertRaises(Closed) as caught:
            peer.receive()
        bye = caught.exception.bye
        self.assertEqual(bye.reason, "WrongNetwork")
        self.assertEqual(chains.network_id(bye.rules), chains.network_id(LAB))

    def test_joining_a_network_of_which_only_an_address_is_known(self):
        node = self.node(chains.lab(9, 2))
        stranger = node.connect()
        stranger.greet(network=bytes(32))
        with self.assertRaises(Closed) as caught:
            stranger.receive()
        rules = caught.exception.bye.rules
        self.assertEqual(rules, chains.lab(9, 2))
        newcomer = Peer.dial(node.address, chains.Chain(rules))
        self.assertEqual(newcomer.theirs.network, chains.network_id(rules))
        newcomer.ping()

    def test_a_node_joins_the_network_of_the_node_at_an_address(self):
        rules = chains.lab(9, 2)
        listener, address = listen()
        with listener:
            starting = []
            thread = threading.Thread(target=lambda: starting.append(Node(None, "--join", address)))
            thread.start()
            first = Peer(listener.accept()[0], chains.Chain(rules))
            self.assertEqual(first.receive().name, "Hello")
            first.send("Bye", codec.Bye("WrongNetwork", "", rules))
            first.close()
            # Once more, to see that the rules are ours; then to stay.
            second = Peer.accept(listener, chains.Chain(rules))
            self.assertEqual(second.theirs.network, chains.network_id(rules))
            self.assertEqual(second.fate(ping=False), "Requested")
            third = Peer.accept(listener, chains.Chain(rules))
            thread.join()
            self.assertEqual(third.theirs.node.hex(), starting[0].id)
            third.ping()
            third.close()
            self.assertEqual(starting[0].stop(), 0)

    def test_a_node_that_dials_into_another_network_says_so(self):
        node = self.node(LAB)
        listener, address = listen()
        with listener:
            node.register(address)
            peer = Peer(listener.accept()[0], chains.Chain(chains.REGTEST))
            peer.take_hello()
            peer.greet()
            self.assertEqual(peer.fate(ping=False), "WrongNetwork")

    def test_peers_are_told_of_what_was_dialled_and_not_of_what_is_claimed(self):
        node = self.node()
        claims = node.dial(listen_port=1)
        self.assertEqual(claims.ask("GetPeers", None, "Peers"), [])
        listener, address = listen()
        with listener:
            node.register(address)
            dialled = Peer.accept(listener, chains.Chain(chains.REGTEST))
            dialled.ping()
            ours = codec.address(listener.getsockname()[1])
            self.assertEqual(claims.ask("GetPeers", None, "Peers"), [ours])
            self.assertEqual(dialled.ask("GetPeers", None, "Peers"), [], "not of itself")
            dialled.close()

    def test_versions(self):
        node = self.node()
        for name, least, most, expected in [
            ("the same", 1, 1, OPEN),
            ("later ones as well", 1, 65535, OPEN),
            ("an older one as well", 0, 1, OPEN),
            ("later ones only", 2, 9, "BadVersion"),
            ("an older one only", 0, 0, "BadVersion"),
            ("none: the oldest is after the newest", 2, 1, "BadVersion"),
        ]:
            with self.subTest(name):
                peer = node.connect()
                peer.greet(min_version=least, max_version=most)
                self.assertEqual(fate_of_newcomer(peer), expected)

    def test_the_order_of_the_checks(self):
        node = self.node()
        own = bytes.fromhex(node.id)
        elsewhere = chains.network_id(LAB)
        connected = node.dial()
        connected.attend()
        for name, changes, expected in [
            ("its own id", dict(node=own), "SelfConnection"),
            ("its own id and no version", dict(node=own, min_version=7, max_version=9), "SelfConnection"),
            ("another network before its own id", dict(network=elsewhere, node=own), "WrongNetwork"),
            ("a manager, but no key", dict(role="Manager"), "NotAuthorised"),
            ("a manager of no version", dict(role="Manager", min_version=7, max_version=9), "BadVersion"),
            ("an id that is connected", dict(node=connected.ours.node), "Duplicate"),
            ("a port of its own", dict(listen_port=1), OPEN),
            ("the work of all", dict(best_work=b"\xff" * 32, best_height=2**64 - 1), OPEN),
            ("control characters", dict(agent="\x1b[2J\r\n\0" + "é" * 28), OPEN),
            ("no agent", dict(agent=""), OPEN),
            ("a clock at zero", dict(time=0), OPEN),
            ("a clock at the end", dict(time=2**64 - 1), OPEN),
        ]:
            with self.subTest(name):
                peer = node.connect()
                peer.greet(**changes)
                self.assertEqual(fate_of_newcomer(peer), expected)
        connected.ping()
        self.assertNotIn("\\u001b[2J", str(node.get("/node/id")))

    def test_a_ready_connection_is_not_displaced_by_a_claim(self):
        node = self.node()
        first, claim = node.dial(), node.connect()
        claim.greet(node=first.ours.node)
        first.send("Pong", first.until("Ping"))
        self.assertEqual(claim.fate(ping=False), "Duplicate")
        first.ping()

    def test_a_ready_connection_that_is_silent_yields_to_a_claim(self):
        node = self.node()
        first, claim = node.dial(), node.connect()
        claim.greet(node=first.ours.node)
        first.until("Ping")
        claim.take_hello()  # after CONTENDER_TIMEOUT
        claim.ping()
        self.assertEqual(first.fate(ping=False), "Timeout")

    def test_both_dial_at_once(self):
        for name, ours, survivor in [("the node has the greater id", 0, "theirs"), ("we have it", 255, "ours")]:
            with self.subTest(name):
                node = self.node()
                listener, address = listen()
                with listener:
                    node.register(address)
                    chain = chains.Chain(chains.REGTEST)
                    ours_id = bytes([ours]) * 16
                    outbound = node.connect()
                    inbound = Peer(listener.accept()[0], chain)
                    inbound.take_hello()
                    outbound.greet(node=ours_id, listen_port=listener.getsockname()[1])
                    outbound.take_hello()
                    inbound.greet(node=ours_id, listen_port=listener.getsockname()[1])
                    fates = {"ours": outbound, "theirs": inbound}
                    loser = fates.pop("ours" if survivor == "theirs" else "theirs")
                    self.assertEqual(loser.fate(ping=False), "Duplicate")
                    fates[survivor].ping()
                    fates[survivor].close()


def fate_of_newcomer(peer):
    """What becomes of a connection whose Hello was sent."""
    try:
        peer.take_hello()
    except Closed as end:
        return end.bye.reason if end.bye else SILENT
    return peer.fate()
