# Weldr by Nomad's docker driver, on port 80 of a client that has the host volume "weldr", owned by 65532.
job "weldr" {
  type = "service"

  group "weldr" {
    count = 1

    network {
      port "http" {
        static = 80
        to     = 8080
      }
    }

    volume "state" {
      type   = "host"
      source = "weldr"
    }

    service {
      name = "weldr"
      port = "http"

      # By the command of the image: so the API, and /ready with it, stays at the loopback address of the container.
      check {
        type     = "script"
        task     = "weldr"
        command  = "/weldr"
        args     = ["health"]
        interval = "5s"
        timeout  = "4s"
      }
    }

    task "weldr" {
      driver         = "docker"
      kill_signal    = "SIGTERM"
      kill_timeout   = "40s" # longer than WELDR_DRAIN_TIMEOUT
      shutdown_delay = "5s"  # out of the service first, then SIGTERM

      config {
        image           = "registry.example/weldr:0.1.0"
        ports           = ["http"]
        readonly_rootfs = true
        cap_drop        = ["all"]
        security_opt    = ["no-new-privileges"]

        mount {
          type   = "tmpfs"
          target = "/run/weldr"
        }
      }

      env {
        WELDR_SERVER        = "http://app.service.consul:8080"
        WELDR_DRAIN_TIMEOUT = "30s"
        WELDR_ACCESS_LOG    = "stdout"
      }

      volume_mount {
        volume      = "state"
        destination = "/var/lib/weldr"
      }

      resources {
        cpu    = 1000
        memory = 256
      }
    }
  }
}
