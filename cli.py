from rotonodes.cli.main import main

if __name__ == "__main__":  # workers of Dask import this file again
    main()
