"""A Deployment under test with nothing but Python's standard library: real API server, real controllers, hollow nodes."""

import json
import os
import ssl
import subprocess
import time
import unittest
import urllib.error
import urllib.request

KNARR = os.environ.get("KNARR", "npx knarr").split()


class Cluster:
    """A `knarr test-server` that lives as long as this object."""

    def __init__(self, nodes=2):
        command = [*KNARR, "test-server", "--nodes", str(nodes), "--until-stdin-closes", "--output", "json"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.access = json.loads(self.process.stdout.readline())
        self.tls = ssl.create_default_context(cafile=self.access["caFile"])
        self.tls.load_cert_chain(self.access["certFile"], self.access["keyFile"])

    def request(self, method, path, body=None, content_type="application/json"):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        request = urllib.request.Request(self.access["server"] + path, data, headers, method=method)
        with urllib.request.urlopen(request, context=self.tls) as answer:
            return json.load(answer)

    def control(self, path, **body):
        """Moves time and lets things go wrong: advance, settle, reset, nodes/crash, …"""
        request = urllib.request.Request(self.access["control"] + path, json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def wait(self, path, is_wanted, seconds=10):
        """Watches an object until it is as wanted."""
        collection, name = path.rsplit("/", 1)
        query = f"?watch=true&fieldSelector=metadata.name%3D{name}&timeoutSeconds={seconds}"
        request = urllib.request.Request(self.access["server"] + collection + query)
        with urllib.request.urlopen(request, context=self.tls, timeout=seconds + 5) as lines:
            for line in lines:
                found = json.loads(line)["object"]
                if is_wanted(found):
                    return found
        raise AssertionError(f"{path} was not as wanted within {seconds} s")

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=10)


def deployment(replicas, behaviour=None):
    labels = {"app": "web"}
    annotations = {"knarr.dev/behaviour": behaviour} if behaviour else {}
    template = {
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": {"containers": [{"name": "main", "image": "web:1"}]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PODS = "/api/v1/namespaces/default/pods"


class DeploymentTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop()

    def tearDown(self):
        self.cluster.control("/reset")

    def test_runs_and_is_collected(self):
        self.cluster.request("POST", DEPLOYMENTS, deployment(3))
        ready = self.cluster.wait(f"{DEPLOYMENTS}/web", lambda d: d["status"].get("readyReplicas") == 3)
        self.assertEqual(ready["status"]["availableReplicas"], 3)
        self.assertEqual({pod["status"]["phase"] for pod in self.pods()}, {"Running"})
        # envtest would leave the pods: it has no controllers.
        self.cluster.request("DELETE", f"{DEPLOYMENTS}/web")
        deadline = time.monotonic() + 10
        while self.pods() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.pods(), [])

    def test_time_can_be_moved(self):
        self.cluster.request("POST", DEPLOYMENTS, deployment(1, behaviour="slow-ready"))
        self.cluster.wait(f"{DEPLOYMENTS}/web", lambda d: d["status"].get("updatedReplicas") == 1)
        began = time.monotonic()
        self.cluster.control("/advance", by="1m")
        self.cluster.wait(f"{DEPLOYMENTS}/web", lambda d: d["status"].get("readyReplicas") == 1)
        self.assertLess(time.monotonic() - began, 15)

    def test_what_is_invalid_is_refused(self):
        broken = deployment(1)
        broken["spec"]["template"]["spec"]["containers"][0].pop("image")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.cluster.request("POST", DEPLOYMENTS, broken)
        with refused.exception as answer:
            self.assertEqual(answer.code, 422)
            self.assertIn("spec.template.spec.containers[0].image: Required value", json.load(answer)["message"])

    def pods(self):
        return self.cluster.request("GET", PODS)["items"]


if __name__ == "__main__":
    unittest.main()
