from rotonodes.cli.main import main

main()
